CREATE ROLE callcenter LOGIN;
CREATE DATABASE callcenter OWNER callcenter;

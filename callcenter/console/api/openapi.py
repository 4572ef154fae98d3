"""OpenAPI, made from the route table and the models: it can't tell of a route that is not there, nor leave one out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from callcenter.console.api.models import Problem
from callcenter.console.rights import RIGHTS, Operation, Reach
from callcenter.console.table import Doc, Route

_TEMPLATE: Final = "#/components/schemas/{model}"


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the routes that have a ``doc``."""
    told = [(route, route.doc) for route in routes if route.doc]
    models: set[type[BaseModel]] = {Problem}
    for _, doc in told:
        models |= {model for model in (doc.answer, doc.body, doc.query) if model}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in ordered], ref_template=_TEMPLATE)
    paths: dict[str, Any] = {}
    for route, doc in told:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, doc, schemas["$defs"])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Contact centre", "version": version, "description": "Errors are application/problem+json."},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "cc_session"},
            },
        },
    }


def _operation(route: Route, doc: Doc, schemas: dict[str, Any]) -> dict[str, Any]:
    params = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in re.findall(r"\{(\w+)\}", route.path)]
    if doc.query:
        for name, schema in schemas[doc.query.__name__]["properties"].items():
            params.append({"name": name, "in": "query", "required": False, "schema": schema})
    content = {doc.media: {"schema": _ref(doc.answer) if doc.answer else {"type": "string"}}}
    answers: dict[str, Any] = {str(doc.status): {"description": doc.summary, "content": content}}
    if doc.media.startswith("audio/"):
        answers["206"] = {"description": "The part asked for", "content": content}
    refusals = set(doc.refusals)
    if route.operation is not Operation.PUBLIC:
        refusals |= {400, 401, 403}
    for status in sorted(refusals):
        if route.path == "/healthz":
            answers[str(status)] = {"description": "Not well", "content": content}
        else:
            answers[str(status)] = {"description": "Refused", "content": {"application/problem+json": {"schema": _ref(Problem)}}}
    made: dict[str, Any] = {
        "summary": doc.summary,
        "description": _who(route.operation),
        "operationId": route.handler.__name__,
        "tags": [str(route.operation).partition(".")[0]],
        "responses": answers,
        "security": [] if route.operation is Operation.PUBLIC else [{"token": []}, {"session": []}],
    }
    if params:
        made["parameters"] = params
    if doc.body:
        made["requestBody"] = {
            "required": doc.body.__name__ != "ControlParams",
            "content": {"application/json": {"schema": _ref(doc.body)}},
        }
    if doc.upload:
        file = {"type": "string", "format": "binary"}
        form = {"type": "object", "required": ["file"], "properties": {"file": file}}
        bodies: dict[str, Any] = {media: {"schema": file} for media in doc.upload} | {"multipart/form-data": {"schema": form}}
        made["requestBody"] = {"required": True, "content": bodies}
    return made


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


def _who(operation: Operation) -> str:
    """Who may, in a sentence."""
    reaches = RIGHTS[operation]
    words = {Reach.ALL: "{}", Reach.OWN: "{} (own only)"}
    return (
        f"Right: {operation}: " + ", ".join(words[reach].format(role) for role, reach in reaches.items() if reach is not Reach.NONE) + "."
    )

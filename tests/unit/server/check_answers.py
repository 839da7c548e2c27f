#!/usr/bin/env python3
"""Holds answers against openapi.json: check_answers.py OPENAPI ANSWERS. A line of ANSWERS is a JSON
document {method, path, status, type, body}. Exit code 77: python3-jsonschema is not here."""
import json
import re
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)


def events_of(text):
    """(name, data) of each event that is whole."""
    for block in text.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "event" in fields:
            yield fields["event"], json.loads(fields["data"] or "null")


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        document = json.load(f)
    routes = []
    for path, methods in document["paths"].items():
        # A literal goes before a name.
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) + "$")
        routes.append(("{" in path, pattern, methods))
    routes.sort(key=lambda r: r[0])
    validators = {}
    checked = wrong = 0
    with open(sys.argv[2], encoding="utf-8") as f:
        for line in f:
            answer = json.loads(line)
            path = answer["path"].split("?")[0]
            operation = next((methods.get(answer["method"].lower()) for _, pattern, methods in routes
                              if pattern.match(path)), None)
            if operation is None:
                continue  # 404 and 405 of the router
            responses = operation["responses"]
            response = responses.get(str(answer["status"]), responses["default"])
            name = json.dumps(response)
            if "$ref" in response:
                response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
            kind = answer["type"].split(";")[0]
            content = response.get("content", {}).get(kind)
            if content is None:
                if answer["body"]:
                    wrong += 1
                    print(f"{answer['method']} {path} {answer['status']}: {answer['type']} is not in the document")
                continue
            if kind == "text/event-stream":
                for name, data in events_of(answer["body"]):
                    schema = content["x-events"].get(name, content["x-events"].get("*"))
                    if schema is None:
                        wrong += 1
                        print(f"{answer['method']} {path}: event {name} is not in the document")
                        continue
                    key = path.split("/")[-1] + " " + name
                    if key not in validators:
                        validators[key] = jsonschema.Draft202012Validator({**schema, "components": document["components"]})
                    checked += 1
                    for error in validators[key].iter_errors(data):
                        wrong += 1
                        print(f"{answer['method']} {path} event {name}: {error.json_path}: {error.message[:300]}")
                continue
            if kind not in ("application/json", "application/problem+json"):
                continue
            if name not in validators:
                schema = {**content["schema"], "components": document["components"]}
                validators[name] = jsonschema.Draft202012Validator(schema)
            checked += 1
            for error in validators[name].iter_errors(json.loads(answer["body"])):
                wrong += 1
                print(f"{answer['method']} {path} {answer['status']}: {error.json_path}: {error.message[:300]}")
    print(f"{checked} answers checked, {wrong} are wrong")
    return 1 if wrong or not checked else 0


if __name__ == "__main__":
    sys.exit(main())

"""The JSON schema of a scenario, with the keys of every shipped kind of agent."""

from typing import Any

from abm.scenario import Scenario
from agents.population import KINDS, agent_class

__all__ = ["scenario_schema"]


def scenario_schema() -> dict[str, Any]:
    """The schema of `Scenario`, where `agents[].params` depends on `agents[].kind`."""
    schema = Scenario.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    agent = schema["$defs"]["AgentSpec"]
    agent["allOf"] = []
    for kind in sorted(KINDS):
        params = agent_class(kind).Params.model_json_schema(ref_template=f"#/$defs/{kind}.{{model}}")
        for name, definition in params.pop("$defs", {}).items():
            schema["$defs"][f"{kind}.{name}"] = definition
        schema["$defs"][f"{kind}.params"] = params
        agent["allOf"].append(
            {
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {"properties": {"params": {"$ref": f"#/$defs/{kind}.params"}}},
            }
        )
    agent["properties"]["kind"]["examples"] = sorted(KINDS)
    return schema

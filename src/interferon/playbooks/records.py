"""Typed records of a CACAO v2.0 playbook.

Made by `lint` from a document whose shape is right; read by everything that runs or shows it. Pure.
"""

from typing import Any

import msgspec

Json = dict[str, Any]


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """Clause 10.18. `value` None is unknown; an empty text is known to be empty. A dictionary may be an object."""

    type: str
    description: str = ""
    value: str | Json | None = None
    constant: bool = False
    external: bool = False


class ExternalReference(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str = ""
    source: str = ""
    url: str = ""
    external_id: str = ""
    reference_id: str = ""


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Clause 5. Which of the fields are filled depends on `type`; of an unknown type only these are kept."""

    type: str
    description: str = ""
    version: str = ""
    playbook_activity: str = ""
    command: str = ""
    command_b64: str = ""
    headers: dict[str, list[str]] = {}
    content: str = ""
    content_b64: str = ""
    external_references: list[ExternalReference] = []


class Contact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    email: dict[str, str] = {}
    phone: dict[str, str] = {}
    contact_details: str = ""


class AgentTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Clause 7: who executes a command, or on what it acts."""

    type: str
    name: str
    description: str = ""
    location: Json = {}
    contact: Contact = Contact()
    address: dict[str, list[str | int]] = {}
    port: str = ""
    authentication_info: str = ""
    category: list[str] = []
    sector: str = ""
    logical: list[str] = []
    agent_target_extensions: dict[str, Json] = {}


class Authentication(msgspec.Struct, frozen=True, kw_only=True):
    """Clause 6. Secrets stay in the record that an executor is handed; nothing of this package prints them."""

    type: str
    name: str = ""
    description: str = ""
    user_id: str = ""
    username: str = ""
    password: str = ""
    oauth_header: str = ""
    token: str = ""
    kms: bool = False
    kms_key_identifier: str = ""


class Marking(msgspec.Struct, frozen=True, kw_only=True):
    """Clause 9: a statement, a TLP level or an IEP policy."""

    type: str
    id: str
    created_by: str
    created: str
    name: str = ""
    statement: str = ""
    tlpv2_level: str = ""
    tlp: str = ""


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    name: str
    created_by: str
    schema: str
    version: str
    description: str = ""


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Clause 10.15."""

    id: str
    created: str
    modified: str
    signee: str
    related_to: str
    related_version: str
    hash_algorithm: str
    algorithm: str
    value: str
    created_by: str = ""
    revoked: bool = False
    valid_from: str = ""
    valid_until: str = ""
    public_key: str = ""
    public_cert_chain: list[str] = []
    cert_url: str = ""
    thumbprint: str = ""
    signature: "Signature | None" = None


class Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every workflow step has (clause 4.1); times in milliseconds, 0 where none is set."""

    name: str = ""
    description: str = ""
    external_references: list[ExternalReference] = []
    delay: int = 0
    timeout: int = 0
    step_variables: dict[str, Variable] = {}
    owner: str = ""
    on_completion: str = ""
    on_success: str = ""
    on_failure: str = ""
    step_extensions: dict[str, Json] = {}

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def after(self) -> str:
        """The step that follows a success; empty where none is named."""
        return self.on_completion or self.on_success


class Start(Step, frozen=True, tag="start"):
    """Clause 4.3."""


class End(Step, frozen=True, tag="end"):
    """Clause 4.4: of the playbook, or of the branch that it stands in."""


class Action(Step, frozen=True, kw_only=True, tag="action"):
    """Clause 4.5: commands in order, by one agent, on every target."""

    commands: list[Command]
    agent: str = ""
    targets: list[str] = []
    in_args: list[str] = []
    out_args: list[str] = []


class PlaybookAction(Step, frozen=True, kw_only=True, tag="playbook-action"):
    """Clause 4.6."""

    playbook_id: str
    playbook_version: str = ""
    in_args: list[str] = []
    out_args: list[str] = []


class Parallel(Step, frozen=True, kw_only=True, tag="parallel"):
    """Clause 4.7."""

    next_steps: list[str]


class If(Step, frozen=True, kw_only=True, tag="if-condition"):
    """Clause 4.8."""

    condition: str
    on_true: str
    on_false: str = ""


class While(Step, frozen=True, kw_only=True, tag="while-condition"):
    """Clause 4.9."""

    condition: str
    on_true: str


class Switch(Step, frozen=True, kw_only=True, tag="switch-condition"):
    """Clause 4.10."""

    switch: str
    cases: dict[str, str]


AnyStep = Start | End | Action | PlaybookAction | Parallel | If | While | Switch


class Playbook(msgspec.Struct, frozen=True, kw_only=True):
    """Clause 3.1."""

    id: str
    name: str
    created_by: str
    created: str
    modified: str
    workflow_start: str
    workflow: dict[str, AnyStep]
    spec_version: str = "cacao-2.0"
    description: str = ""
    playbook_types: list[str] = []
    playbook_activities: list[str] = []
    playbook_processing_summary: dict[str, bool] = {}
    revoked: bool = False
    valid_from: str = ""
    valid_until: str = ""
    derived_from: list[str] = []
    related_to: list[str] = []
    priority: int = 0
    severity: int = 0
    impact: int = 0
    industry_sectors: list[str] = []
    labels: list[str] = []
    external_references: list[ExternalReference] = []
    markings: list[str] = []
    playbook_variables: dict[str, Variable] = {}
    workflow_exception: str = ""
    playbook_extensions: dict[str, Json] = {}
    authentication_info_definitions: dict[str, Authentication] = {}
    agent_definitions: dict[str, AgentTarget] = {}
    target_definitions: dict[str, AgentTarget] = {}
    extension_definitions: dict[str, Extension] = {}
    data_marking_definitions: dict[str, Marking] = {}
    signatures: list[Signature] = []


def playbook(document: Json) -> Playbook:
    """The records of a document that `lint` found no fatal problem in."""
    return msgspec.convert(document, Playbook, strict=True)

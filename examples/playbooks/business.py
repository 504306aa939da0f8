"""Playbooks for incidents of cloud and identity, of partners and trade, and of AI agents."""

from author import Book, ask, choose, do, given, together, undo, until, when

ORDER = {"transaction": given("What is held: an order, payment, shipment or feed, as kind:id")}
USER = {"user": given("The account, service identity or agent")}


def release(title: str) -> object:
    return undo(
        "hold_transaction",
        "transaction",
        title,
        "",
        instead=[ask("planner", "Release it by hand", "Release __transaction__:value in the ERP.")],
    )


def unlock(by: str = "identity") -> object:
    return undo("disable_identity", "user", "Unlock it", "D3-ULA", instead=[ask(by, "Unlock it by hand", "Enable __user__:value.")])


def lock(by: str = "identity", why: str = "") -> object:
    return do(
        "disable_identity",
        "user",
        "Lock it and end its sessions",
        "D3-AL",
        why,
        instead=[ask(by, "Lock it by hand", "Disable __user__:value.", within=900)],
    )


def hold(title: str, why: str, by: str = "planner") -> object:
    return do(
        "hold_transaction",
        "transaction",
        title,
        "",
        why,
        instead=[ask(by, "Hold it by hand", "Block __transaction__:value in the ERP.", within=1800)],
    )


def books() -> list[Book]:
    return [_oauth(), _key(), _feed(), _bank(), _shipment(), _edi(), _supplier(), _agent(), _injection()]


def _oauth() -> Book:
    return Book(
        "oauth-token-theft",
        [
            ask("identity", "Revoke the tokens", "Revoke refresh and access tokens of __user__:value for __client__:value. A new password alone does not.", (), 900, defence="D3-CR",
                instead=[lock()]),
            ask("cloud", "What has the application done", "List what __client__:value did with the token: mail rules, files, grants.", (), 14_400),
            until("__withdrawn__:value = true", "Until no grant is left", [
                ask("identity", "Withdraw a grant", "Withdraw the consent to __client__:value and the next grant that it made. Are all withdrawn?", ("withdrawn",), 3600),
            ]),
            ask("identity", "Consent by approval only", "Allow consent to applications only after approval; tell the person what happened.", (), 86_400, defence="D3-ANCI"),
        ],
        title="OAuth token theft", trigger="A token is used where its owner is not",
        text="Tokens outlive passwords: they are revoked, then what they granted.",
        techniques=[("T1528", "Steal Application Access Token"), ("T1550.001", "Application Access Token"), ("T1098", "Account Manipulation")],
        severity=65, impact=10, labels=["cloud", "identity"], by_hand="Block the application for the whole tenant.",
        variables=USER | {"client": given("The application"), "withdrawn": ("bool", "All grants are withdrawn")},
    )  # fmt: skip


def _key() -> Book:
    return Book(
        "cloud-key-leak",
        [
            ask("cloud", "Switch the key off", "Deactivate, do not delete, the key __key__:value. Undo: activate it.", (), 600, defence="D3-CR", instead=[lock("cloud")]),
            ask("cloud", "Who needs it", "Which services fail without the key? Give them a new one from the vault.", (), 14_400, defence="D3-CRO"),
            together("What was done with it",
                     [ask("cloud", "New machines and roles", "Stop machines, roles and keys that it made in any region.", (), 14_400)],
                     [ask("data", "Read data", "Which stores did it read? Decide on notification.", (), 28_800)],
                     [ask("cloud", "Where it leaked", "Find where it was published, and make that place private; a deleted commit is still public.", (), 14_400)]),
            ask("cloud", "Delete the key", "When nothing has used it for a day, delete it.", (), 86_400, after=86_400),
        ],
        title="Key of a cloud account leaked", trigger="A key is public, or used from elsewhere",
        text="The key is switched off before it is replaced: minutes count, and it can be switched on again.",
        techniques=[("T1552.001", "Credentials In Files"), ("T1078.004", "Cloud Accounts"), ("T1530", "Data from Cloud Storage")],
        severity=80, impact=25, labels=["cloud"], by_hand="Deny everything to the key by policy at the root of the organisation.",
        variables=USER | {"key": given("The key's identifier, never the secret")},
    )  # fmt: skip


def _feed() -> Book:
    return Book(
        "poisoned-demand-feed",
        [
            hold("Hold the feed", "The last trusted values stay in force; no order is made from the new ones."),
            together("Two opinions",
                     [ask("planner", "Ask the customers", "Call the three customers with the largest change. Do they confirm it?", ("confirmed",), 14_400)],
                     [ask("it", "Where it was changed", "Compare the feed as sent, as carried and as received.", (), 14_400)]),
            when("__confirmed__:value = true", "Is demand really so?",
                 [release("Release the feed")],
                 [ask("planner", "Take the orders back", "Cancel or reduce the purchase and production orders made since the first poisoned value.", (), 28_800, defence="D3-RD"),
                  ask("it", "Sign the feed", "Agree on signed messages with the sender, then take the feed from its first clean value on.", (), 604_800),
                  release("Release the clean feed")]),
        ],
        title="Poisoned demand feed", trigger="Demand moves as no customer's ever has",
        text="The plan goes on with trusted values while customers are asked; then orders made from the poison are taken back.",
        techniques=[("T1565.002", "Transmitted Data Manipulation"), ("T1199", "Trusted Relationship")], severity=60, impact=20,
        labels=["partner", "planning"], by_hand="Plan with the forecast of last week.", variables=ORDER | {"confirmed": ("bool", "Customers confirm it")},
        defences=["D3-RD"],
    )  # fmt: skip


def _bank() -> Book:
    return Book(
        "changed-bank-details",
        [
            hold("Hold the payment", "A held payment costs a day; a paid one is gone.", "finance"),
            ask("finance", "Call the supplier back", "Call __partner__:value on the number in the contract, never one from the message. Do they confirm the account?", ("confirmed",), 28_800),
            when("__confirmed__:value = true", "Confirmed?",
                 [ask("finance", "Four eyes", "A second person enters the new account and signs for it.", (), 14_400), release("Release the payment")],
                 [ask("finance", "Restore the old account", "Set the account back to the one that was paid last.", (), 3600, defence="D3-RD"),
                  ask("finance", "Was one paid already?", "Look for payments to the new account. Is there one?", ("paid",), 3600),
                  when("__paid__:value = true", "Paid already?", [
                      ask("finance", "Recall it", "Call the bank's fraud desk now and the police; recall works within a day or two.", (), 3600),
                  ]),
                  together("Who wrote it?", [ask("identity", "Look at the mailbox", "Search for forwarding rules and foreign logins.", (), 14_400, defence="D3-CRO")],
                           [ask("partner", "Tell the supplier", "Tell __partner__:value by telephone: their mail may be read by others.", (), 14_400)]),
                  release("Pay to the old account")]),
        ],
        title="Changed bank details of a supplier", trigger="A supplier's account changes before a large payment",
        text="Holds the payment, calls back on a known number, recalls what has gone.",
        techniques=[("T1657", "Financial Theft"), ("T1656", "Impersonation"), ("T1566", "Phishing")], severity=70, impact=10, labels=["partner", "fraud"],
        by_hand="No payment to the new account.",
        variables=ORDER | {"partner": given("The supplier"), "confirmed": ("bool", "The supplier confirms it"), "paid": ("bool", "There was a payment")},
    )  # fmt: skip


def _shipment() -> Book:
    return Book(
        "fake-shipment",
        [
            hold("Hold the shipment", "It does not leave the gate.", "logistics"),
            ask("logistics", "Who is at the gate?", "Check licence plate, driver's papers and pick-up code against the carrier's own system.", ("genuine",), 1800,
                stop=[ask("security", "Keep the gate closed", "Close the gate, take down plate and time, call the police; nobody stands in the way of the lorry.", (), 900)]),
            when("__genuine__:value = true", "Is it genuine?", [release("Release the shipment")], [
                ask("logistics", "Offer it anew", "Tender the load to a proved carrier; promise the customer the new date.", (), 14_400),
                ask("partner", "Tell the exchange", "Report the false carrier to the freight exchange and to other shippers.", (), 86_400),
                release("Release it to the proved carrier"),
            ]),
        ],
        title="False carrier at the gate", trigger="A pick-up that its carrier does not know",
        text="The load is held at the gate, people check papers, a proved carrier takes it.",
        techniques=[("T1656", "Impersonation"), ("T1199", "Trusted Relationship")], severity=60, impact=15, labels=["partner", "logistics"],
        types=["prevention", "mitigation"], by_hand="The load stays inside.", variables=ORDER | {"genuine": ("bool", "Papers and plate fit")}, defences=["D3-NTF"],
    )  # fmt: skip


def _edi() -> Book:
    return Book(
        "carrier-edi-compromise",
        [
            do("cut_conduit", "conduit", "Cut the carrier's EDI", "D3-ITF", "Messages wait at the carrier's side; none is lost.",
               instead=[lock("it", "The carrier's account, then.")]),
            together("Go on without EDI",
                     [ask("logistics", "Telephone and mail", "Book by telephone with the carrier's dispatcher on the number in the contract.", (), 14_400)],
                     [ask("planner", "Other lanes", "Take urgent orders to another carrier (`interferon flow plan`).", (), 14_400)],
                     [ask("it", "Check what came in", "List messages since the first sign; mark bookings, status and invoices as not to be believed.", (), 14_400)]),
            until("__ready__:value = true", "Until the carrier is clean", [
                ask("partner", "Ask the carrier", "Ask for a written statement: cause found, credentials new, messages signed. Is it ready?", ("ready",), 86_400),
            ]),
            ask("it", "New credentials", "Exchange new certificates with the carrier in person or by a second way.", (), 86_400, defence="D3-CRO"),
            undo("cut_conduit", "conduit", "Open the EDI again", "D3-RNA", instead=[ask("it", "Open it by hand", "Open __conduit__:value; take the waiting messages one by one.")]),
        ],
        title="A carrier's EDI compromised", trigger="Messages of a carrier contradict its lorries",
        text="Cuts the channel, moves goods on by telephone and other lanes, comes back with new credentials.",
        techniques=[("T1199", "Trusted Relationship"), ("T1565.002", "Transmitted Data Manipulation"), ("T1078", "Valid Accounts")],
        severity=65, impact=35, labels=["partner", "edi", "logistics"], by_hand="Book by telephone; the channel stays cut.",
        variables=USER | {"conduit": given("The conduit of the carrier"), "ready": ("bool", "The carrier is ready")},
    )  # fmt: skip


def _supplier() -> Book:
    return Book(
        "supplier-breach-notice",
        [
            ask("partner", "Read the notice", "What does __partner__:value supply: access, software, parts or data?", ("supplies",), 14_400),
            choose("supplies", "What came from them?", {
                "access": [do("cut_conduit", "conduit", "Cut their access", "D3-NTF", instead=[ask("it", "Cut it by hand", "Disable the tunnel of __partner__:value.")]),
                           ask("identity", "Their accounts", "Rotate or disable every account that they hold.", (), 14_400, defence="D3-CRO")],
                "software": [ask("it", "Stop updates", "Stop updates from them; list versions installed since their first sign.", (), 14_400),
                             ask("it", "Go back", "Go back to the last version from before, where one is affected. Undo: the version of today.", (), 86_400, defence="D3-RS")],
                "parts": [ask("quality", "Lock the lots", "Lock lots of the time in question; check incoming goods fully.", (), 14_400),
                          ask("planner", "Other sources", "Plan with alternates (`interferon flow stress` says for how long stock lasts).", (), 28_800)],
                "default": [ask("data", "What they hold of ours", "List our data at __partner__:value; decide on notification.", (), 28_800)],
            }),
            ask("partner", "Conditions for return", "Agree in writing on what must be shown before access, updates or lots flow again. Was it shown?", ("shown",), 604_800),
            when("__shown__:value = true", "Shown?", [
                undo("cut_conduit", "conduit", "Open their access again", "D3-RNA", instead=[ask("it", "Open it by hand", "Enable the tunnel of __partner__:value.")]),
            ]),
        ],
        title="A supplier tells of a breach", trigger="A notice of a breach comes in",
        text="What is done depends on what they supply: access, software, parts or data.",
        techniques=[("T1199", "Trusted Relationship"), ("T1195.002", "Compromise Software Supply Chain"), ("T0862", "Supply Chain Compromise")],
        severity=50, impact=30, labels=["partner", "supplier"], types=["prevention", "investigation"], by_hand="Treat all that comes from them as not trusted.",
        variables={"partner": given("The supplier"), "conduit": given("The conduit of their access"), "supplies": ("string", "access, software, parts or data"),
                   "shown": ("bool", "The conditions were shown to hold")},
    )  # fmt: skip


def _agent() -> Book:
    return Book(
        "ai-agent-unusual-tools",
        [
            lock("agents", "The agent stops; what it has asked for but nobody has done is dropped."),
            ask("agents", "Read its record", "Read the prompts and tool calls since the first unusual one. Was it told to, was it changed, or did it err: told, changed, erred?", ("why",), 3600),
            choose("why", "Why did it do that?", {
                "told": [ask("security", "Ask who told it", "Was the person allowed to? If not, open a case for their account.", (), 14_400)],
                "changed": [ask("agents", "Restore model and prompt", "Restore model, prompt and tools from the signed versions; compare hashes. Undo: the set saved before.",
                                (), 28_800, defence="D3-RC"),
                            ask("agents", "New keys", "Rotate every key that the agent could read.", (), 14_400, defence="D3-CRO")],
                "default": [ask("agents", "Narrow its tools", "Take away the tools that it does not need for its task; add the case to its tests.", (), 86_400)],
            }),
            ask("planner", "Take back what it did", "List orders, messages and changes that it made; take back what is wrong, newest first.", (), 28_800),
            ask("agents", "Under watch first", "Let it propose only, with a person who approves, for a week. Was it quiet?", ("quiet",), 604_800),
            when("__quiet__:value = true", "Quiet?", [unlock("agents")]),
        ],
        title="An AI agent uses its tools unusually", trigger="An agent calls a tool that its task does not need",
        text="The agent is locked as an identity; why it did so decides what is mended; what it did is taken back.",
        techniques=[("AML.T0053", "AI Agent Tool Invocation"), ("T1059", "Command and Scripting Interpreter"), ("T1078", "Valid Accounts")],
        severity=60, impact=15, labels=["ai-agent"], by_hand="The agent stays locked; people do its task.",
        variables=USER | {"why": ("string", "told, changed or erred"), "quiet": ("bool", "It was quiet")},
    )  # fmt: skip


def _injection() -> Book:
    return Book(
        "prompt-injection",
        [
            hold("Hold what the agent was about to do", "The text asked for it, not a person.", "agents"),
            together("Where it came from and where else it went",
                     [ask("agents", "Find the text", "Find the document, mail or page that carried the instruction; take it out of the agent's sources.", (), 3600)],
                     [ask("agents", "Search for more", "Search all sources of all agents for the same text. How many hold it?", ("copies",), 14_400)]),
            when("__copies__:value > 1", "Is it in several places?", [
                lock("agents", "Until the sources are clean."),
                ask("agents", "Clean the sources", "Remove the copies; build the index anew from clean documents.", (), 86_400, defence="D3-RD"),
                unlock("agents"),
            ]),
            ask("security", "Did anything leave?", "Compare what the agent has sent since it first read the text. Did secrets leave?", ("leaked",), 14_400),
            when("__leaked__:value = true", "Leaked?", [ask("security", "New secrets", "Rotate what left; begin the playbook data-exfiltration.", (), 14_400, defence="D3-CRO")]),
            ask("planner", "Decide on what was held", "Would a person have ordered it? If so release it.", ("wanted",), 14_400),
            when("__wanted__:value = true", "Wanted?", [release("Release it")]),
        ],
        title="Prompt injection of an AI agent", trigger="A text tells an agent what to do",
        text="Holds what the text asked for, not the agent; locks it only when the text is in several of its sources.",
        techniques=[("AML.T0051", "LLM Prompt Injection"), ("T1566", "Phishing"), ("T1567", "Exfiltration Over Web Service")],
        severity=55, impact=10, labels=["ai-agent"], by_hand="The agent proposes only; people act.",
        variables=USER | ORDER | {"copies": ("integer", "Sources that hold it"), "leaked": ("bool", "Secrets left"), "wanted": ("bool", "A person wants it")},
    )  # fmt: skip

"""Playbooks for incidents of the plant. Nothing writes to a controller but people, after the process owner's word; safety systems are never touched."""

from author import Book, ask, choose, do, given, together, undo, until, when
from it import ASSET, CLEAN, RETURN, back, restored, returned

UNPLUG = [ask("shift", "Unplug it", "Unplug the network of __asset__:value; its process goes on without it.", within=900)]
CONDUIT = {"conduit": given("The conduit, as the network tables name it")}


def books() -> list[Book]:
    return [_setpoint(), _station(), _firmware(), _historian(), _mqtt(), _robots(), _safety()]


def _setpoint() -> Book:
    return Book(
        "plc-setpoint-changed",
        [
            together("The source is cut while the process is looked at",
                     [do("cut_conduit", "conduit", "Cut the way that the command came", "D3-NTF", "The controller itself goes on controlling.", instead=UNPLUG)],
                     [ask("owner", "Look at the process", "Compare the set-point of __asset__:value with the recipe. Is the process safe: safe, drifting or unsafe?",
                          ("process",), 600)]),
            choose("process", "How is the process?", {
                "safe": [ask("owner", "Decide on the value", "Was the change right after all? Note who ordered it.")],
                "drifting": [ask("owner", "Set it back", "Set the set-point back to the recipe at the local panel, with a second person. Undo: the value noted before.",
                                 (), 1800, defence="D3-RC")],
                "default": [ask("owner", "Go to the safe state", "Bring the process into its safe state by the operating procedure.", (), 900),
                            ask("safety", "Check the safety functions", "Check that no safety function is bypassed before anything is started again.", (), 14_400)],
            }),
            ask("quality", "What was made meanwhile", "Lock the lots made since the first changed value until they are checked.", (), 14_400),
            ask("security", "Who sent it", "Find the station and account that sent the command; open a case for it.", (), 14_400),
            ask("owner", "Compare logic and parameters", "Upload program and parameters of __asset__:value and compare them with the approved ones. Are they the same?",
                ("same",), 14_400),
            until("__same__:value = true", "Until it is as approved", [
                ask("owner", "Load what was approved", "Load the approved program and parameters at the panel or with key switch and second person, then compare again. "
                    "Are they the same? Undo: what was uploaded before.", ("same",), 28_800, defence="D3-RS"),
            ]),
            ask("owner", "Allow commands again", "Does the process owner allow commands over the network again?", ("allowed",), 28_800),
            when("__allowed__:value = true", "Allowed?", returned(
                "cut_conduit", "conduit", "Open the way again, watched", "Restore the rule of __conduit__:value.", "Take the rule of __conduit__:value away again.")),
        ],
        title="Set-point of a controller changed", trigger="A set-point leaves its recipe",
        text="Cuts where the command came from, never the controller; the process owner decides, has its logic compared, and lets commands in again, watched.",
        techniques=[("T0836", "Modify Parameter"), ("T0855", "Unauthorized Command Message"), ("T0831", "Manipulation of Control")],
        severity=85, impact=30, labels=["ot", "plc"], by_hand="The process owner runs the process at the local panel.",
        variables=ASSET | CONDUIT | {"process": ("string", "safe, drifting or unsafe"), "allowed": ("bool", "The process owner allows it"),
                                     "same": RETURN["same"], "quiet": RETURN["quiet"]},
    )  # fmt: skip


def _station() -> Book:
    return Book(
        "rogue-engineering-station",
        [
            do("isolate_asset", "asset", "Isolate the station", "D3-NI", "No process needs an engineering station to run.", instead=UNPLUG),
            do("disable_identity", "user", "Lock its account", "D3-AL", instead=[ask("identity", "Lock it by hand", "Disable __user__:value.")]),
            ask("owner", "Compare every program", "Upload the program of each controller it has spoken with and compare it with the approved one. Are all the same?",
                ("same",), 28_800),
            when("__same__:value = false", "Was a program changed?", [
                ask("owner", "Plan the download", "Choose a moment at which the process can stand; agree with planner and safety officer.", (), 28_800),
                ask("owner", "Load what was approved", "Load the approved program with key switch and second person; take the key out. Undo: the program uploaded before.",
                    (), 28_800, defence="D3-RS"),
                ask("safety", "Prove it", "Prove the interlocks of each controller that was loaded.", (), 28_800),
            ]),
            back("Rebuild or return the station"),
            undo("disable_identity", "user", "Unlock the account", "D3-RUAA", instead=[ask("identity", "Unlock it by hand", "Enable __user__:value.")]),
        ],
        title="Rogue engineering station", trigger="A station programs a controller that it never has",
        text="The station can go at once, for no process needs it; what it may have loaded is compared controller by controller.",
        techniques=[("T0843", "Program Download"), ("T0889", "Modify Program"), ("T0859", "Valid Accounts"), ("T0858", "Change Operating Mode")],
        severity=85, impact=15, labels=["ot", "plc"], by_hand="Key switches of all controllers to RUN, keys taken out.",
        variables=ASSET | {"user": given("The account on the station"), "same": ("bool", "All programs are as approved")},
    )  # fmt: skip


def _firmware() -> Book:
    return Book(
        "malicious-firmware",
        [
            ask("owner", "Can it be spared?", "Can the process stand without __asset__:value, or with its partner?", ("spared",), 1800,
                instead=[ask("shift", "Ask the deputy", "The owner cannot be reached: ask the deputy.", ("spared",), 1800)]),
            when("__spared__:value = true", "Spared?",
                 [do("fail_over", "asset", "Hand its work to the partner", "D3-NI",
                     instead=[do("isolate_asset", "asset", "Isolate it where it stands", "D3-NI", instead=UNPLUG)])],
                 [do("cut_conduit", "conduit", "Leave it working, cut it from above", "D3-ITF", "It goes on with its process and hears nobody.", instead=UNPLUG)]),
            ask("security", "Hash the firmware", "Read the firmware out and compare its hash with the vendor's, got by another way than the file.", ("genuine",), 28_800, defence="D3-FV"),
            until("__checked__:value = true", "Until all of the series are checked", [
                ask("it", "Look at the series", "Check the next devices of the same series and batch. Are all of them checked?", ("checked",), 86_400),
            ]),
            when("__genuine__:value = false", "Not genuine?", [
                ask("partner", "Tell the vendor", "Tell the vendor and the authority; ask for a signed firmware and for who else has it.", (), 86_400),
                ask("owner", "Replace it", "Replace the device by one with proved firmware; keep the old one as evidence.", (), 86_400, defence="D3-RS"),
            ]),
            *restored(),
            until(CLEAN, "Until it is clean", [
                ask("owner", "Set it up anew", "Set __asset__:value up from the vendor's signed firmware and the approved configuration. Is it as approved?", ("same",), 86_400),
                ask("security", "Prove it again", "Hash what runs on it and compare with the vendor's. Is it clean?", ("proved",), 28_800),
            ]),
            when("__spared__:value = true", "How does it come back?",
                 returned("fail_over", "asset", "Give it its work back, watched", "Switch back to __asset__:value, or remove its block at the switch.",
                          "Switch to the partner, or unplug __asset__:value."),
                 returned("cut_conduit", "conduit", "Open the way again, watched", "Restore the rule of __conduit__:value.", "Take the rule away again.")),
        ],
        title="Malicious firmware in a device", trigger="A device has a firmware that nobody approved",
        text="Depends on whether the process can spare the device; all of its series are looked at; it comes back as approved, and watched.",
        techniques=[("T0857", "System Firmware"), ("T0839", "Module Firmware"), ("T0862", "Supply Chain Compromise"), ("T1195.002", "Compromise Software Supply Chain")],
        severity=90, impact=45, labels=["ot", "firmware", "supplier"], by_hand="Leave the device as it is; do not flash over the evidence.",
        variables=ASSET | CONDUIT | {"spared": ("bool", "The process can spare it"), "genuine": ("bool", "The vendor's hash fits"), "checked": ("bool", "All of the series are checked")} | RETURN,
    )  # fmt: skip


def _historian() -> Book:
    return Book(
        "compromised-historian",
        [
            do("cut_conduit", "conduit", "Cut the historian from the office side", "D3-NTF", "It may go on recording; nobody reaches it from above.",
               instead=[do("isolate_asset", "asset", "Isolate it", "D3-NI", instead=UNPLUG)]),
            together("Work without it",
                     [ask("planner", "Plan without it", "Plan with the last trusted values; tell everybody that the trends are not to be believed.", (), 3600)],
                     [ask("owner", "Read at the panel", "Read the process at the panels each hour until it is back.", (), 3600)]),
            ask("it", "Which values are true", "Compare a week of values with the controllers' own buffers. From when on were they changed?", (), 28_800),
            ask("it", "Restore the data", "Restore the database to before that moment, then load the buffers.", (), 86_400, defence="D3-RD"),
            *restored(),
            until(CLEAN, "Until it is clean", [
                ask("it", "Rebuild it", "Rebuild __asset__:value from its image, load the restored data, compare with the approved state. Is it the same?", ("same",), 86_400, defence="D3-RS"),
                ask("security", "Prove what was rebuilt", "Are image and data from before the first changed value, and scanned?", ("proved",)),
            ]),
            *returned("cut_conduit", "conduit", "Let the office read again, watched",
                      "Restore the rule, one-way if there is a diode; where the historian itself was isolated, let it talk.", "Take the rule away again."),
        ],
        title="Compromised historian", trigger="The historian talks downwards, or its values do not fit",
        text="The historian bridges office and plant: the bridge is cut first, decisions on its values stop; it is restored and read again, watched.",
        techniques=[("T0832", "Manipulation of View"), ("T0811", "Data from Information Repositories"), ("T0886", "Remote Services"), ("T1565.001", "Stored Data Manipulation")],
        severity=70, impact=20, labels=["ot", "historian"], by_hand="Nobody decides on trends until they are proved.", variables=ASSET | CONDUIT | RETURN,
    )  # fmt: skip


def _mqtt() -> Book:
    return Book(
        "mqtt-broker-abuse",
        [
            do("disable_identity", "client", "Disable the client", "D3-AL", "One client, not the broker: all others go on.",
               instead=[ask("it", "Kick it by hand", "Disable __client__:value at the broker and end its session.", within=600)]),
            ask("it", "Read the topics", "Which topics did it publish to? Were retained messages left behind?", ("retained",), 1800),
            when("__retained__:value = true", "Are false messages retained?", [
                ask("it", "Clear them", "Publish an empty retained message to each such topic, then let its true publisher send again. Undo: the copies saved before.", (), 1800),
            ]),
            ask("owner", "Who believed it", "Check each subscriber of those topics: which acted on a false message?", (), 14_400),
            ask("it", "Narrow its rights", "Give the client a new certificate and rights to its own topics alone.", (), 14_400, defence="D3-RIC"),
            undo("disable_identity", "client", "Enable the client", "D3-ULA", instead=[ask("it", "Enable it by hand", "Enable __client__:value at the broker.")]),
        ],
        title="MQTT broker abused", trigger="A client publishes to topics that are not its own",
        text="Disables the one client; retained messages would outlive it and are cleared.",
        techniques=[("T0855", "Unauthorized Command Message"), ("T0830", "Adversary-in-the-Middle"), ("T0859", "Valid Accounts")],
        severity=55, impact=10, labels=["ot", "iiot", "mqtt"], by_hand="Keep the client disabled; the broker itself stays up.",
        variables={"client": given("The client, as the broker knows it"), "retained": ("bool", "Retained messages were left")},
    )  # fmt: skip


def _robots() -> Book:
    return Book(
        "robot-fleet-controller",
        [
            ask("shift", "Stop the fleet where it is safe", "Press the fleet stop in the hall. Do all vehicles stand?", ("stand",), 120,
                instead=[ask("safety", "Clear the hall", "Clear the hall of people and cut the vehicles' charging bays.", ("stand",), 300)]),
            until("__stand__:value = true", "Until all stand", [
                ask("shift", "Stop the ones that move", "Stop each moving vehicle with its own emergency stop. Do all stand?", ("stand",), 600),
            ]),
            do("isolate_asset", "asset", "Isolate the fleet controller", "D3-NI", "Only after the vehicles stand: one that loses its controller may go on to its goal.", instead=UNPLUG),
            together("Goods and cause",
                     [ask("logistics", "Move goods by hand", "Move the urgent orders with fork lifts; list the vehicles' open orders.", (), 28_800)],
                     [ask("it", "Look at the orders", "Compare the orders sent to the vehicles with those of the warehouse system.", (), 14_400)]),
            back("Bring the controller back"),
            ask("safety", "One vehicle first", "Drive one vehicle with a person beside it; then release the fleet row by row.", ("released",), 28_800),
        ],
        title="Robot fleet controller compromised", trigger="Vehicles get orders that no warehouse order explains",
        text="People before goods: the fleet stands before its controller is cut off.",
        techniques=[("T0855", "Unauthorized Command Message"), ("T0831", "Manipulation of Control"), ("T0813", "Denial of Control")],
        severity=90, impact=55, labels=["ot", "robots", "logistics"], by_hand="The hall stays closed to people until each vehicle was stopped at itself.",
        variables=ASSET | {"stand": ("bool", "All vehicles stand"), "released": ("bool", "The fleet is released")},
    )  # fmt: skip


def _safety() -> Book:
    return Book(
        "safety-system-alarm",
        [
            ask("safety", "Is it a demand or a fault?", "Look at the first-out alarm of the safety system: demand, fault or unknown?", ("cause",), 300),
            choose("cause", "Why did it speak?", {
                "demand": [ask("owner", "Let it do its work", "The process stays in its safe state. Find the demand at the process, not at the screen.", (), 14_400)],
                "fault": [ask("safety", "Repair under permit", "Repair by the permit; no bypass without the second signature and an end time.", (), 86_400)],
                "default": [
                    ask("owner", "Go to the safe state", "Bring the process into its safe state; leave the safety system as it is.", (), 900),
                    ask("security", "Take a copy, from outside", "Record the network around it from a tap; nothing is connected to the safety system itself.", (), 14_400),
                    ask("safety", "Compare with the approved logic", "With the vendor: compare the logic with the approved one. Is it the same?", ("same",), 172_800),
                    when("__same__:value = false", "Was it changed?", [
                        ask("safety", "Replace the controller", "Replace it by a proved one with the vendor; keep the old one; tell the authority.", (), 604_800),
                    ]),
                ],
            }),
            together("Before it starts again",
                     [ask("safety", "Prove every function", "Prove each safety function and sign for it.", (), 172_800)],
                     [ask("owner", "Read the bypass list", "The bypass list must be empty.", (), 14_400)]),
        ],
        title="Alarm of a safety system", trigger="A safety instrumented system speaks",
        text="People only: software neither isolates nor writes to a safety system. Whatever the cause, the process is kept in its safe state.",
        techniques=[("T0880", "Loss of Safety"), ("T0837", "Loss of Protection"), ("T0858", "Change Operating Mode")],
        severity=100, impact=60, labels=["ot", "safety", "people-only"], types=["mitigation"],
        by_hand="Safe state first; call the safety officer.", variables={"cause": ("string", "demand, fault or unknown"), "same": ("bool", "The logic is as approved")},
        defences=["D3-FV"],
    )  # fmt: skip

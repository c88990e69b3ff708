"""Gas of our contracts and of the peers', each transaction's `gasUsed`, on one anvil in one run.

What each key means, and where a peer's step differs from ours: docs/benchmarks.md. Ours are measured by the very code
that makes tests/contracts/gas_snapshot.json, so that the two cannot mean different things; `differences` says whether
they still say the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.crypto import keccak
from web3 import IPCProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD

from scripts.bench_measure import PEERS, RESULTS, NotReady
from scripts.compile import (
    EVM_VERSION,
    REMAPPINGS,
    ROOT,
    SOLC_VERSION,
    artifact,
    collect_sources,
    compile_project,
    compile_sources,
    settings,
)
from tests.anvil import start_anvil
from tests.contracts.adapters import packages, stacks
from tests.contracts.chain_fixture import DAY, START, ZERO_ADDRESS, ZERO_HASH, Chain, Gate, deploy_gate
from tests.contracts.test_gas import SNAPSHOT, used

RESULT = RESULTS / "gas.json"
INSTALLED = PEERS / "node_modules"

# Key of the result to the name in the snapshot.
OURS = {
    "mint_overhead_new": "mint over the plain token, new holder",
    "mint_overhead_repeat": "mint over the plain token, repeat holder",
    "mint_batch10_overhead_each": "mint over the plain token, each of a batch of ten",
    "approve_3of5_1tranche": "approve, three of five, one tranche",
    "approve_3of5_4tranches": "approve, three of five, four tranches",
    "extra_signature": "one more ECDSA signature",
    "suspend": "suspend",
    "renew_3of5": "renew, three of five",
    "deploy_registry": "deploy FilingRegistry",
    "deploy_token": "deploy AssetBackedToken",
}
TARGETS = {
    "mint_overhead_new": 13_500,
    "mint_overhead_repeat": 13_500,
    "mint_batch10_overhead_each": 1_500,
    "approve_3of5_1tranche": 150_000,
    "extra_signature": 7_200,
    "suspend": 35_000,
    "renew_3of5": 75_000,
    "deploy_registry": 3_000_000,
}
AMOUNT = 10**12
CAP = 10**15
SCHEMA = "bytes32 filing,uint256 cap,uint64 validAfter,bytes32 dossierHash,bytes32 recordHash,bytes32 rulesetHash"
# ACE's own, but for the compiler's version.
ACE_SETTINGS: dict[str, Any] = {"evmVersion": "paris", "optimizer": {"enabled": True, "runs": 8000}, "viaIR": True}
#: Packages of bench/peers that have no gas.
SIGNING_PEERS = ("@ethereum-attestation-service/eas-sdk", "viem")
POLICY = "mint-policy"
TOPIC = 1
_GLUE_REMAPPINGS = {
    **REMAPPINGS,
    "@predicate/contracts": "bench/peers/node_modules/@predicate/contracts",
    "eigenlayer-contracts/src/contracts/interfaces": "bench/peers/sol/eigenlayer",
    "openzeppelin/": "node_modules/@openzeppelin/contracts/",
    "openzeppelin-upgradeable/": "bench/peers/node_modules/@openzeppelin/contracts-upgradeable/",
}
_PREDICATE_SOURCE = "bench/peers/node_modules/@predicate/contracts/src/ServiceManager.sol"
_PROXY_SOURCE = "node_modules/@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol"
_EAS = "@ethereum-attestation-service/eas-contracts/artifacts/contracts"
_SAFE = "@safe-global/safe-contracts/build/artifacts/contracts"
_PUBLISHED = {
    "EAS": f"{_EAS}/EAS.sol/EAS.json",
    "SchemaRegistry": f"{_EAS}/SchemaRegistry.sol/SchemaRegistry.json",
    "Safe": f"{_SAFE}/Safe.sol/Safe.json",
    "SafeProxyFactory": f"{_SAFE}/proxies/SafeProxyFactory.sol/SafeProxyFactory.json",
}

Figures = dict[str, Any]


def account(name: str) -> str:
    """An address nobody has the key of; its bytes are those of any other, not the zeros of a small number."""
    return Web3.to_checksum_address(keccak(name.encode())[12:])


HOLDERS = [account(f"holder {number}") for number in range(12)]


class PeersMissing(NotReady):
    """The peers' packages are not installed, or not as locked; the message says what to run."""


def require_packages() -> None:
    """Raises PeersMissing unless every package is there at its exact version."""
    wanted = json.loads((PEERS / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    wrong = []
    for name, version in wanted.items():
        path = INSTALLED / name / "package.json"
        found = json.loads(path.read_text(encoding="utf-8"))["version"] if path.is_file() else "nothing"
        if not version.startswith("file:") and found != version:
            wrong.append(f"{name} {version} (found {found})")
    if wrong:
        raise PeersMissing(f"run bench/peers/install.sh; it installs {', '.join(wrong)}")
    try:
        packages.require_packages()
    except packages.PackagesMissing as error:
        raise PeersMissing(str(error)) from error


def artifacts() -> dict[str, dict[str, Any]]:
    """Everything that is deployed here, by name."""
    require_packages()
    names, made = compile_project()
    plain = "tests/contracts/sol/OwnedToken.sol"
    made |= {plain: compile_sources(collect_sources([plain]))[plain]}
    glue = [path.relative_to(ROOT).as_posix() for path in sorted((PEERS / "sol").glob("*.sol"))]
    glue += [_PREDICATE_SOURCE, _PROXY_SOURCE]
    made |= compile_sources(collect_sources(glue, remappings=_GLUE_REMAPPINGS), _GLUE_REMAPPINGS)
    found = {
        name: artifact(source, name, output)
        for source in [*names, plain, *glue]
        for name, output in made.get(source, {}).items()
    }
    for name, path in _PUBLISHED.items():
        published = json.loads((INSTALLED / path).read_text(encoding="utf-8"))
        found[name] = {"contractName": name, "abi": published["abi"], "bytecode": published["bytecode"]}
    issuer = "@onchain-id/solidity/artifacts/contracts/ClaimIssuer.sol/ClaimIssuer.json"
    found["TrexClaimIssuer"] = packages.published("TrexClaimIssuer", issuer)
    return found | packages.trex() | packages.ace(**ACE_SETTINGS)


@dataclass
class Minter:
    """One way to mint: each call makes one transaction and returns what it used."""

    one: Callable[[str], int]
    batch: Callable[[Sequence[str]], int] | None = None

    def figures(self) -> tuple[int, int, int | None]:
        """Gas of a mint to a new holder, to a holder, and of one of ten new holders, after a first mint."""
        self.one(HOLDERS[0])
        repeat = self.one(HOLDERS[0])
        new = self.one(HOLDERS[1])
        return new, repeat, None if self.batch is None else self.batch(HOLDERS[2:12])


@dataclass
class Bench:
    """The chain with our registry, whose operators sign for the peers too."""

    gate: Gate

    @property
    def chain(self) -> Chain:
        """The one anvil."""
        return self.gate.chain

    def gas(self, call: ContractFunction, sender: str | None = None) -> int:
        """Gas of a transaction, sent by the issuer unless another is named."""
        return int(self.chain.send(call, sender or self.gate.issuer)["gasUsed"])

    def apart(self, call: ContractFunction, sender: str | None = None) -> int:
        """Gas of a transaction that is undone again."""
        snapshot = self.chain.rpc("evm_snapshot")
        made = self.gas(call, sender)
        self.chain.rpc("evm_revert", snapshot)
        return made

    def spent(self, work: Callable[[], Any]) -> tuple[Any, list[int]]:
        """What the work returns, and the gas of each transaction it made."""
        eth = self.chain.w3.eth
        before = eth.block_number
        made = work()
        found = []
        for number in range(before + 1, eth.block_number + 1):
            for transaction in eth.get_block(number)["transactions"]:
                assert isinstance(transaction, bytes)
                found.append(int(eth.get_transaction_receipt(transaction)["gasUsed"]))
        return made, found

    def deploy(self, name: str, *values: Any) -> tuple[Contract, int]:
        """A new contract and the gas of its creation."""
        made, (cost,) = self.spent(lambda: self.chain.deploy(name, *values))
        return made, cost

    def operators(self, count: int = 5) -> list[Any]:
        """The first operators, ascending by address."""
        return self.chain.operators[:count]

    def signed(self, digest: bytes, count: int) -> list[bytes]:
        """Signatures of the first operators over a hash, 65 bytes each."""
        return [bytes(operator.unsafe_sign_hash(digest).signature) for operator in self.operators(count)]

    def owned(self, owner: str) -> tuple[Contract, int]:
        """The plain token of that owner."""
        return self.deploy("OwnedToken", owner)

    # ---------------------------------------------------------------- the peers

    def plain(self) -> tuple[Minter, Figures]:
        """OpenZeppelin's ERC-20 with a mint for its owner."""
        token, cost = self.owned(self.gate.issuer)
        call = token.functions
        minter = Minter(
            lambda to: self.gas(call.mint(to, AMOUNT)),
            lambda to: self.gas(call.mintBatch(to, [AMOUNT] * len(to))),
        )
        return minter, {"deploy_token": cost}

    def safe(self, threshold: int = 3) -> tuple[Minter, Figures]:
        """The same token owned by a Safe; each mint is signed and shown."""
        singleton, _ = self.deploy("Safe")
        factory, _ = self.deploy("SafeProxyFactory")
        owners = [operator.address for operator in self.operators()]
        nothing = (ZERO_ADDRESS, b"", ZERO_ADDRESS, ZERO_ADDRESS, 0, ZERO_ADDRESS)
        setup = singleton.functions.setup(owners, threshold, *nothing)._encode_transaction_data()
        receipt = self.chain.send(factory.functions.createProxyWithNonce(singleton.address, setup, 1))
        (event,) = factory.events.ProxyCreation().process_receipt(receipt, errors=DISCARD)
        safe = self.chain.contract("Safe", event["args"]["proxy"])
        token, cost = self.owned(safe.address)

        def execute(call: ContractFunction) -> int:
            data = call._encode_transaction_data()
            rest = (0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
            nonce = safe.functions.nonce().call()
            digest = safe.functions.getTransactionHash(token.address, 0, data, *rest, nonce).call()
            signatures = b"".join(self.signed(digest, threshold))
            return self.gas(safe.functions.execTransaction(token.address, 0, data, *rest, signatures))

        minter = Minter(
            lambda to: execute(token.functions.mint(to, AMOUNT)),
            lambda to: execute(token.functions.mintBatch(to, [AMOUNT] * len(to))),
        )
        return minter, {"deploy_registry": int(receipt["gasUsed"]), "deploy_token": cost}

    def multisigner(self, threshold: int = 3) -> tuple[Minter, Figures]:
        """A token on OpenZeppelin's MultiSignerERC7913; each mint is signed and shown."""
        signers = [bytes.fromhex(operator.address[2:]) for operator in self.operators()]
        token, cost = self.deploy("MultiSignedToken", signers, threshold)
        numbers = iter(range(1, 1000))
        # The package's cheaper way: ascending by the hash of the signer.
        order = sorted(self.operators()[:threshold], key=lambda operator: keccak(hexstr=operator.address))

        def show(kind: str, fields: list[dict[str, str]], values: dict[str, Any]) -> tuple[int, bytes]:
            number = next(numbers)
            domain = {"name": "MultiSignedToken", "version": "1", "chainId": 31337, "verifyingContract": token.address}
            types = {kind: [*fields, {"name": "number", "type": "uint256"}]}
            signable = encode_typed_data(domain, types, {**values, "number": number})
            shown = [bytes(operator.sign_message(signable).signature) for operator in order]
            names = [bytes.fromhex(operator.address[2:]) for operator in order]
            return number, encode(["bytes[]", "bytes[]"], [names, shown])

        def one(to: str) -> int:
            fields = [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}]
            shown = show("Mint", fields, {"to": to, "amount": AMOUNT})
            return self.gas(token.functions.mint(to, AMOUNT, *shown))

        def batch(to: Sequence[str]) -> int:
            fields = [{"name": "to", "type": "address[]"}, {"name": "amounts", "type": "uint256[]"}]
            amounts = [AMOUNT] * len(to)
            shown = show("MintBatch", fields, {"to": list(to), "amounts": amounts})
            return self.gas(token.functions.mintBatch(to, amounts, *shown))

        return Minter(one, batch), {"deploy_token": cost}

    def eas(self, quorum: int) -> tuple[Minter, Figures]:
        """A token that reads the attestations of a quorum at every mint and counts what was minted under them."""
        schemas, first = self.deploy("SchemaRegistry")
        eas, second = self.deploy("EAS", schemas.address)
        third = self.gas(schemas.functions.register(SCHEMA, ZERO_ADDRESS, True))
        schema = keccak(SCHEMA.encode() + bytes(20) + b"\x01")
        attesters = [self.gate.fund(operator) for operator in self.operators()]
        token, cost = self.deploy("EasGatedToken", eas.address, schema, attesters, quorum, self.gate.issuer)
        kinds = [field.split()[0] for field in SCHEMA.split(",")]
        values = (self.gate.filing, CAP, START - DAY, b"\x0d" * 32, b"\x0e" * 32, b"\x0f" * 32)
        data = encode(kinds, values)

        def request(recipient: str, until: int) -> tuple[Any, ...]:
            return recipient, until, True, ZERO_HASH, data, 0

        def attest(until: int) -> tuple[list[bytes], int]:
            uids, total = [], 0
            for attester in attesters[:quorum]:
                call = eas.functions.attest((schema, request(token.address, until)))
                receipt = self.chain.send(call, attester)
                (event,) = eas.events.Attested().process_receipt(receipt, errors=DISCARD)
                uids.append(event["args"]["uid"])
                total += int(receipt["gasUsed"])
            return uids, total

        uids, approving = attest(START + 30 * DAY)
        found: Figures = {
            "deploy_registry": first + second + third,
            "deploy_token": cost,
            "suspend": self.apart(eas.functions.revoke((schema, (uids[0], 0))), attesters[0]),
        }
        if quorum == 3:
            tokens = [token.address, *(account(f"token {number}") for number in range(3))]
            four = [request(address, START + 30 * DAY) for address in tokens]
            attesting = (eas.functions.multiAttest([(schema, four)]) for _ in range(quorum))
            found["approve_3of5_1tranche"] = approving
            found["approve_3of5_4tranches"] = sum(
                self.gas(call, attester) for call, attester in zip(attesting, attesters, strict=False)
            )
            uids, found["renew_3of5"] = attest(START + 80 * DAY)
            found["extra_signature"] = approving // quorum
        minter = Minter(
            lambda to: self.gas(token.functions.mint(to, AMOUNT, uids)),
            lambda to: self.gas(token.functions.mintBatch(to, [AMOUNT] * len(to), uids)),
        )
        return minter, found

    def predicate(self, threshold: int = 3) -> tuple[Minter, Figures]:
        """A token that is Predicate's client; each mint is signed and shown. EigenLayer's directories are doubles."""
        owner = self.chain.accounts[0]
        eigen, _ = self.deploy("EigenLayerDouble")

        def set_up() -> Contract:
            logic = self.chain.deploy("ServiceManager")
            starting = (owner, owner, eigen.address, eigen.address, eigen.address, 0)
            start = logic.functions.initialize(*starting)._encode_transaction_data()
            proxy = self.chain.deploy("ERC1967Proxy", logic.address, start)
            manager = self.chain.contract("ServiceManager", proxy.address)
            self.chain.send(manager.functions.deployPolicy(POLICY, "three of five", threshold))
            return manager

        manager, costs = self.spent(set_up)
        addresses = [self.gate.fund(operator) for operator in self.operators()]
        self.chain.send(manager.functions.addPermissionedOperators(addresses))
        for address in addresses:
            self.chain.send(manager.functions.registerOperatorToAVS(address, (b"", ZERO_HASH, 0)), address)
        token, cost = self.deploy("PredicateGatedToken", manager.address, POLICY, self.gate.issuer)
        numbers = iter(range(1, 1000))

        def message(call: bytes) -> tuple[Any, ...]:
            task = f"00000000-0000-4000-8000-{next(numbers):012d}"
            until = 10**9
            struct = (task, self.gate.issuer, token.address, 0, call, POLICY, threshold, until)
            digest = manager.functions.hashTaskWithExpiry(struct).call()
            return task, until, addresses[:threshold], self.signed(digest, threshold)

        def one(to: str) -> int:
            call = keccak(b"_mint(address,uint256)")[:4] + encode(["address", "uint256"], [to, AMOUNT])
            return self.gas(token.functions.mint(to, AMOUNT, message(call)))

        def batch(to: Sequence[str]) -> int:
            amounts = [AMOUNT] * len(to)
            name = keccak(b"_mintBatch(address[],uint256[])")[:4]
            call = name + encode(["address[]", "uint256[]"], [list(to), amounts])
            return self.gas(token.functions.mintBatch(to, amounts, message(call)))

        return Minter(one, batch), {"deploy_registry": sum(costs), "deploy_token": cost}

    def trex(self) -> tuple[Minter, Figures]:
        """T-REX without a compliance module, one claim topic and one trusted issuer, whose claim every holder has."""
        chain, owner = self.chain, self.chain.accounts[0]
        stack, costs = self.spent(lambda: stacks.trex(self.gate, gated=False))
        # First what a platform deploys once, last the two holders and our module: see stacks.trex.
        shared, own = costs[:8], costs[8:-5]
        # The token's identity is made without a proxy there: its code is what a platform deploys once.
        shared.append(own.pop(-4))
        call = stack.token.functions
        registry = chain.contract("TrexIdentityRegistry", call.identityRegistry().call())
        topics = chain.contract("TrexClaimTopicsRegistry", registry.functions.topicsRegistry().call())
        issuers = chain.contract("TrexTrustedIssuersRegistry", registry.functions.issuersRegistry().call())
        signer = self.operators()[0]
        claim_issuer = chain.deploy("TrexClaimIssuer", signer.address)
        own.append(self.gas(topics.functions.addClaimTopic(TOPIC), owner))
        own.append(self.gas(issuers.functions.addTrustedIssuer(claim_issuer.address, [TOPIC]), owner))
        for holder in HOLDERS:
            identity = chain.deploy("TrexIdentity", owner, False)
            digest = keccak(encode(["address", "uint256", "bytes"], [identity.address, TOPIC, b"\x01"]))
            signature = bytes(signer.sign_message(encode_defunct(digest)).signature)
            claim = (TOPIC, 1, claim_issuer.address, signature, b"\x01", "")
            chain.send(identity.functions.addClaim(*claim))
            chain.send(registry.functions.registerIdentity(holder, identity.address, 156))
        minter = Minter(
            lambda to: self.gas(call.mint(to, AMOUNT)),
            lambda to: self.gas(call.batchMint(to, [AMOUNT] * len(to))),
        )
        found = {"deploy_registry": sum(shared), "deploy_token": sum(own), "suspend": self.apart(call.pause())}
        return minter, found

    def ace(self) -> tuple[Minter, Figures]:
        """Chainlink ACE with one policy, VolumePolicy."""
        chain, owner = self.chain, self.chain.accounts[0]
        stack, costs = self.spent(lambda: stacks.ace(self.gate, gated=False))
        engine_logic, engine_proxy, token_logic, token_proxy, extractor, setting, _ours = costs
        engine = stack.parts["engine"]

        def add_policy() -> None:
            logic = chain.deploy("AceVolumePolicy")
            limits = encode(["uint256", "uint256"], [1, CAP])
            start = logic.functions.initialize(engine.address, owner, limits)._encode_transaction_data()
            policy = chain.deploy("AceERC1967Proxy", logic.address, start)
            adding = (stack.token.address, stacks.MINT_SELECTOR, policy.address, [stacks.AMOUNT])
            chain.send(engine.functions.addPolicy(*adding))

        _, adding = self.spent(add_policy)
        found = {
            "deploy_registry": engine_logic + engine_proxy + extractor + setting + sum(adding),
            "deploy_token": token_logic + token_proxy,
        }
        return Minter(lambda to: self.gas(stack.token.functions.mint(to, AMOUNT))), found

    def peers(self) -> tuple[Figures, Figures]:
        """The baseline's figures, and those of every peer by name."""
        minter, deployed = self.plain()
        new, repeat, batch = minter.figures()
        assert batch is not None
        baseline = {"mint_new": new, "mint_repeat": repeat, "mint_batch10": batch, **deployed}
        found: Figures = {}

        def add(name: str, made: tuple[Minter, Figures], of_five: tuple[Minter, Figures] | None = None) -> None:
            minter, figures = made
            of_new, of_repeat, of_batch = minter.figures()
            found[name] = {
                "mint_overhead_new": of_new - new,
                "mint_overhead_repeat": of_repeat - repeat,
                **({} if of_batch is None else {"mint_batch10_overhead_each": (of_batch - batch) // 10}),
                **figures,
            }
            if of_five is not None:
                _, of_more, _ = of_five[0].figures()
                found[name]["extra_signature"] = (of_more - of_repeat) // 2

        add("oz_owned_token", self.plain())
        add("safe_3of5_owner", self.safe(), self.safe(5))
        add("oz_multisigner_3of5", self.multisigner(), self.multisigner(5))
        add("eas_1_attester", self.eas(1))
        add("eas_3of5", self.eas(3))
        add("predicate_3of5", self.predicate(), self.predicate(5))
        add("trex", self.trex())
        add("ace_1_policy", self.ace())
        return baseline, found


def versions(client: str) -> dict[str, str]:
    """Of everything whose gas is measured, and of what measures it."""
    wanted = json.loads((PEERS / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    wanted |= json.loads((packages.FOLDER / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    found = {
        name: version
        for name, version in sorted(wanted.items())
        if not version.startswith("file:") and name not in SIGNING_PEERS
    }
    return {"chain": client, "solc": SOLC_VERSION, **found}


def measure() -> dict[str, Any]:
    """Everything, on a chain of its own."""
    made = artifacts()
    with start_anvil(timestamp=START, hardfork=EVM_VERSION) as anvil:
        chain = Chain(Web3(IPCProvider(anvil.ipc)), made)
        gate = deploy_gate(chain)
        snapshot = chain.rpc("evm_snapshot")
        gas = used(gate)
        chain.rpc("evm_revert", snapshot)
        baseline, peers = Bench(gate).peers()
        client = str(chain.w3.client_version)
    ours = {key: gas[name] for key, name in OURS.items()}
    return {
        "ours": ours,
        "peers": peers,
        "baseline": baseline,
        "targets": {key: {"limit": limit, "met": ours[key] <= limit} for key, limit in TARGETS.items()},
        "meta": {
            "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
            "method": "gasUsed of single transactions, call data and 21,000 included; overhead is over OZ's ERC-20 "
            "whose owner mints, compiled as ours; a first mint makes supply and counters more than zero, new is the "
            "first mint to an address, repeat the second",
            "hardfork": EVM_VERSION,
            "versions": versions(client),
            "compiled_as_ours": {
                "settings": settings(),
                "of": ["ours", "oz_owned_token", "oz_multisigner_3of5", "predicate_3of5", "our glue for eas"],
            },
            "compiled_otherwise": {
                "safe_3of5_owner": "Safe's own artifacts",
                "eas": "EAS's own artifacts",
                "trex": "T-REX's and ONCHAINID's own artifacts",
                "ace_1_policy": {"of": "ACE's own settings, with our compiler", "settings": ACE_SETTINGS},
            },
        },
    }


def differences(result: Path = RESULT, snapshot: Path = SNAPSHOT) -> list[str]:
    """Where `ours` in the result is not what the tests measure, one line each; empty if nowhere."""
    measured = json.loads(snapshot.read_text(encoding="utf-8"))
    if not result.is_file():
        return [f"{result.name}: not there"]
    ours = json.loads(result.read_text(encoding="utf-8"))["ours"]
    return [
        f"{key}: {ours.get(key)} in {result.name}, {measured.get(name)} in {snapshot.name}"
        for key, name in OURS.items()
        if ours.get(key) is None or ours.get(key) != measured.get(name)
    ]


def page(result: dict[str, Any]) -> str:
    """The figures as they stand in docs/benchmarks.md."""
    columns = {"ours": result["ours"], **result["peers"]}
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    for key in OURS:
        cells = [f"{figures[key]:,}" if key in figures else "–" for figures in columns.values()]
        lines.append(f"| `{key}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)

// How fast viem and the EAS SDK sign and recover our approvals, on one core.
//
// stdin: {key, address, rounds, seconds, documents: [{domain, types, primaryType, message, signature}]}, EIP-712 as JSON.
// stdout: {viem: {sign: [per second, each round], recover: […]}, eas_sdk: {…}, versions: {…}}. Ends with an error if a
// signature is not the one given, or does not recover to the address. Rates are by CPU time, as in scripts/bench_sign.py.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { Delegated } = require("@ethereum-attestation-service/eas-sdk");
const { Wallet } = require("ethers");
const { recoverTypedDataAddress } = require("viem");
const { privateKeyToAccount } = require("viem/accounts");

// What the SDK's attestations are signed and verified with; the package exports only what inherits from it.
const TypedDataHandler = Object.getPrototypeOf(Delegated);

function equal(found, wanted, what) {
  if (found !== wanted) throw new Error(`${what}: ${found}, not ${wanted}`);
}

async function perSecond(work, seconds) {
  let done = 0;
  const began = process.cpuUsage();
  for (;;) {
    for (let i = 0; i < 10; i++) await work(done++);
    const { user, system } = process.cpuUsage(began);
    const spent = (user + system) / 1e6;
    if (spent >= seconds) return done / spent;
  }
}

function typed({ domain, types, primaryType, message }) {
  const { EIP712Domain, ...own } = types;
  const integers = (value) =>
    Array.isArray(value)
      ? value.map(integers)
      : Object.fromEntries(
          Object.entries(value).map(([name, item]) => {
            if (Array.isArray(item)) return [name, integers(item)];
            return [name, typeof item === "number" || /^[0-9]+$/.test(item) ? BigInt(item) : item];
          }),
        );
  return { domain: { ...domain, chainId: BigInt(domain.chainId) }, types: own, primaryType, message: integers(message) };
}

async function main() {
  let text = "";
  for await (const chunk of process.stdin) text += chunk;
  const { key, address, rounds, seconds, documents } = JSON.parse(text);
  const given = documents.map(typed);
  const signatures = documents.map((one) => one.signature);
  const count = given.length;

  const account = privateKeyToAccount(key);
  const wallet = new Wallet(key);
  const { domain } = given[0];
  const handler = new TypedDataHandler({ ...domain, address: domain.verifyingContract });
  const answers = await Promise.all(given.map((one) => handler.signTypedDataRequest(one.message, one, wallet)));

  const work = {
    viem: {
      sign: async (i) => equal(await account.signTypedData(given[i % count]), signatures[i % count], "viem signs"),
      recover: async (i) => {
        const signed = { ...given[i % count], signature: signatures[i % count] };
        equal(await recoverTypedDataAddress(signed), address, "viem recovers");
      },
    },
    eas_sdk: {
      sign: async (i) => {
        const one = given[i % count];
        const { signature } = await handler.signTypedDataRequest(one.message, one, wallet);
        const { r, s, v } = signature;
        equal(r + s.slice(2) + v.toString(16), signatures[i % count], "eas-sdk signs");
      },
      recover: async (i) => {
        const good = handler.verifyTypedDataRequestSignature(address, answers[i % count], given[i % count]);
        equal(good, true, "eas-sdk verifies");
      },
    },
  };
  const found = {};
  for (const [name, paths] of Object.entries(work)) {
    found[name] = {};
    for (const [what, one] of Object.entries(paths)) {
      await perSecond(one, seconds); // until the compiler has seen it
      found[name][what] = [];
      for (let round = 0; round < rounds; round++) found[name][what].push(await perSecond(one, seconds));
    }
  }
  found.versions = { node: process.versions.node };
  for (const name of ["@ethereum-attestation-service/eas-sdk", "ethers", "viem"]) {
    const file = path.join(__dirname, "node_modules", name, "package.json");
    found.versions[path.basename(name)] = JSON.parse(fs.readFileSync(file)).version;
  }
  process.stdout.write(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

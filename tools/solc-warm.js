// The WebAssembly compiler kept loaded, for who compiles many times: answers on the socket named by its argument.
//
// A request is standard JSON and the end of the stream; so is the answer. Sources must carry their text.
"use strict";
const fs = require("fs");
const net = require("net");
const path = require("path");

const root = path.join(fs.realpathSync(path.dirname(fs.realpathSync(__filename))), "..", "node_modules");
const solc = require(path.join(root, "solc"));
const missing = (name) => ({ error: `the text of ${name} was not given` });

net.createServer({ allowHalfOpen: true }, (socket) => {
  const parts = [];
  socket.on("data", (part) => parts.push(part));
  socket.on("error", () => socket.destroy());
  socket.on("end", () => socket.end(solc.compile(Buffer.concat(parts).toString("utf8"), { import: missing })));
}).listen(process.argv[2], () => process.stdout.write("ready\n"));

// Ends with who started it.
process.stdin.on("end", () => process.exit(0)).resume();

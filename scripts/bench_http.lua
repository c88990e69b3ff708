-- Sends each line of a file once, as the body of a POST; a line is never sent twice. See scripts/bench_http.py.
-- The file's name, the path and the API key come after "--"; the last line printed is JSON.
local lines, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do lines[#lines + 1] = line end
  wrk.method = "POST"
  wrk.path = args[2]
  wrk.headers["Content-Type"] = "application/json"
  if args[3] then wrk.headers["Authorization"] = "Bearer " .. args[3] end
end

function request()
  at = at + 1
  if at > #lines then return wrk.format("GET", "/there-are-no-more-bodies") end
  return wrk.format(nil, nil, nil, lines[at])
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p99_us": %.0f, "p50_us": %.0f, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(99), latency:percentile(50),
    e.connect + e.read + e.write + e.status + e.timeout))
end

-- For wrk: every request is a text that was never asked before (numbered from FIRST), or the service would remember it.
--   wrk -t1 -c32 -d5s -s bench/load.lua http://127.0.0.1:8000/v1/embeddings -- FIRST

local words = { "red", "navy", "wool", "linen", "long", "short", "dress", "coat", "skirt", "for", "summer", "winter" }
local number = 0

function init(arguments)
  number = tonumber(arguments[1])
end

function request()
  local text = {}
  for digit in string.format("%d", number):gmatch("%d") do
    text[#text + 1] = words[tonumber(digit) + 1]
  end
  for place = 0, 5 do
    text[#text + 1] = words[(number * 7 + place) % #words + 1]
  end
  number = number + 1
  local body = '{"input": "' .. table.concat(text, " ") .. '", "encoding_format": "base64"}'
  return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
end

function done(summary, latency)
  local failed = 0
  for _, count in pairs(summary.errors) do
    failed = failed + count
  end
  io.write(string.format('\n{"answers": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\n', summary.requests,
    summary.duration / 1e6, failed, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end

-- wrk: each request is for the URL with a number behind it that never comes again. Its argument
-- tells the numbers of this run from those of another.
local start, stop, count

function init(arguments)
  start = "GET " .. wrk.path .. "?" .. arguments[1] .. "-"
  stop = " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\n\r\n"
  count = 0
end

function request()
  count = count + 1
  return start .. count .. stop
end

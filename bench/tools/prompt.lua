-- wrk: always the same prompt, of 1 KiB.
local start = '{"model": "bench", "temperature": 0, "messages": [{"role": "user", "content": "'
local stop = '"}]}'

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer bench"
wrk.body = start .. string.rep("word ", 1024):sub(1, 1024 - #start - #stop) .. stop

// What a person sees who opens the proxy in a browser or mistypes a base URL: the page of `GET /`,
// and the answer to a request that has no route. Pure text from the configuration.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "proxy/http/message.h"
#include "proxy/upstream/router.h"

namespace outrigger::upstream {

// The path that a client library of this upstream wants behind the proxy's address: "/openai/v1",
// but
// "/anthropic" for libraries that add the version themselves.
std::string sdk_base_path(const config::Upstream& upstream);

// `origin` is what the client called us: "http://127.0.0.1:4170".
std::string first_run_text(const config::Config& config, std::string_view origin);
std::string first_run_html(const config::Config& config, std::string_view origin);

// The answer to a misroute: the first-run page (HTML when Accept asks for it), an empty 204, or a
// problem in the shape that the path's first segment suggests.
http::Response make_misroute_response(const Misroute& misroute, const config::Config& config,
                                      const http::RequestHead& head, std::string_view request_id);

}  // namespace outrigger::upstream

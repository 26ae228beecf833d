// A request as somebody writes it on the command line, as a codec would hand it on. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace outrigger::cli {

struct RequestWords {
  std::string method;
  std::string url;                   // a URL, a path, or host:port for CONNECT
  std::vector<std::string> headers;  // "Name: value"
  std::optional<std::string> body;
};

// Owns what the head's views point to; stays where it is.
struct AskedRequest {
  RequestWords words;
  std::string scheme, authority, target;
  http::RequestHead head;
};

// A path is asked of `server`'s first address, unless a Host header names another. A body without a
// Content-Type counts as JSON, which is what agents send. Error: one line for a person, with what
// to write instead, in `detail`.
[[nodiscard]] Result<std::unique_ptr<AskedRequest>> read_request(RequestWords words,
                                                                 const config::Server& server);

// What is wrong with a text that is to be JSON, with its place; nothing when it is.
[[nodiscard]] std::optional<std::string> json_fault(std::string_view text);

}  // namespace outrigger::cli

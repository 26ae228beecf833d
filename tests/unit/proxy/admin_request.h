// Requests to the admin port and what is answered, for its unit tests.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "proxy/http/h1_parser.h"
#include "proxy/http/message.h"

namespace outrigger::admin {

// Reads a head as the server does; `line` is "GET /livez", and each field "Name: value".
inline http::RequestHead head(std::string_view line,
                              std::initializer_list<std::string_view> fields) {
  std::string text = std::string(line) + " HTTP/1.1\r\n";
  for (const std::string_view field : fields) text += std::string(field) + "\r\n";
  text += "\r\n";
  http::RequestParser parser({});
  EXPECT_EQ(parser.parse(text), http::Progress::kComplete) << text;
  return parser.take(Slice::copy(text));
}

inline std::string body_of(const http::Response& response) {
  return std::string(response.body.whole()->view());
}

inline std::string field_of(const http::Response& response, std::string_view name) {
  const http::Field* field = response.head.headers.find(name);
  return field == nullptr ? std::string() : std::string(field->value);
}

// The code of a problem document, which is checked to be one.
inline std::string code_of(const http::Response& response) {
  constexpr std::string_view kType = "urn:outrigger:error:";
  EXPECT_EQ(field_of(response, "Content-Type"), "application/problem+json");
  EXPECT_EQ(field_of(response, "Cache-Control"), "no-store");
  const std::string body = body_of(response);
  const std::size_t at = body.find(kType);
  if (at == std::string::npos) return body;
  const std::size_t begin = at + kType.size();
  return body.substr(begin, body.find('"', begin) - begin);
}

}  // namespace outrigger::admin

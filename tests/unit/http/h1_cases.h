// The messages that the HTTP/1 tests share: each with the verdict that the strict reading gives,
// and the source of that verdict. The tables are read by the verdict tests and by the
// split-invariance tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/h1_framing.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::http {

struct H1Case {
  std::string name;
  std::string source;
  std::string bytes;
  int status = 0;         // 0: accepted
  std::string code = {};  // of the refusal
};

// Whole heads, with what request_framing() says of those that parse.
std::vector<H1Case> request_cases();
std::vector<H1Case> response_cases();

// What the parser and the framing say of `bytes`, given in pieces that end at the offsets `cuts`.
struct H1Verdict {
  Progress progress = Progress::kIncomplete;
  int status = 0;
  std::string code;
  std::size_t head_bytes = 0;
  std::string dump;  // every part of an accepted head, one a line
  BodyFraming framing;
  bool operator==(const H1Verdict&) const = default;
};
H1Verdict judge_request(std::string_view bytes, const std::vector<std::size_t>& cuts,
                        HeadLimits limits = {});
H1Verdict judge_response(std::string_view bytes, const std::vector<std::size_t>& cuts,
                         Method of_request = Method::kGet, HeadLimits limits = {});

std::string dump(const RequestHead& head);
std::string dump(const ResponseHead& head);

}  // namespace outrigger::http

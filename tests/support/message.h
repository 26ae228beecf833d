// HTTP messages as the test peers see them, the same for HTTP/1 and HTTP/2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::test {

enum class Http { k1, k2 };

using Fields = std::vector<std::pair<std::string, std::string>>;

// First value of that name in any case; nullptr when absent.
const std::string* find(const Fields& fields, std::string_view name);
// Like find(), but "" when absent.
std::string value_of(const Fields& fields, std::string_view name);
// Every value of that name, in order.
std::vector<std::string> values_of(const Fields& fields, std::string_view name);
bool same_name(std::string_view a, std::string_view b);

struct Request {
  std::string method = "GET";
  std::string target = "/";
  std::string authority = "test.example";  // Host, or :authority
  Fields headers;                          // without Host; on HTTP/2 without pseudo-fields
  std::string body;
  Fields trailers;
  // As received by Upstream:
  bool complete = false;       // the body ended cleanly
  std::string raw_head;        // HTTP/1: the exact bytes up to the empty line
  std::size_t connection = 0;  // number of the connection, counted from 1
};

struct Response {
  int status = 0;
  std::string reason;  // HTTP/1
  Fields headers;
  std::string body;
  Fields trailers;
  std::vector<Response> interim;
  // As received by Client:
  bool complete = false;                    // ended as its framing says
  std::string failure;                      // why it is not complete
  std::optional<std::uint32_t> reset_code;  // HTTP/2: of the RST_STREAM
  std::string raw_head;                     // HTTP/1
};

Request get(std::string target, Fields headers = {});
Request post(std::string target, std::string body, Fields headers = {});
Response response(int status, std::string body = {}, Fields headers = {}, Fields trailers = {});

// `size` bytes that differ from place to place, so that a lost or doubled block shows.
std::string pattern(std::size_t size);

}  // namespace outrigger::test

#include "tests/support/message.h"

#include <algorithm>
#include <cctype>

namespace outrigger::test {

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

const std::string* find(const Fields& fields, std::string_view name) {
  for (const auto& [field, value] : fields) {
    if (same_name(field, name)) return &value;
  }
  return nullptr;
}

std::string value_of(const Fields& fields, std::string_view name) {
  const std::string* value = find(fields, name);
  return value == nullptr ? std::string() : *value;
}

std::vector<std::string> values_of(const Fields& fields, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [field, value] : fields) {
    if (same_name(field, name)) values.push_back(value);
  }
  return values;
}

Request get(std::string target, Fields headers) {
  Request request;
  request.target = std::move(target);
  request.headers = std::move(headers);
  return request;
}

Request post(std::string target, std::string body, Fields headers) {
  Request request = get(std::move(target), std::move(headers));
  request.method = "POST";
  request.body = std::move(body);
  return request;
}

Response response(int status, std::string body, Fields headers, Fields trailers) {
  Response made;
  made.status = status;
  made.body = std::move(body);
  made.headers = std::move(headers);
  made.trailers = std::move(trailers);
  return made;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 2463534242;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

}  // namespace outrigger::test

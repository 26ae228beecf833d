// The head of an answer in memory of its own, for any thread and for a disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/message.h"

namespace outrigger::filters {

struct StoredField {
  std::string name;
  std::string value;
  bool operator==(const StoredField&) const = default;
};

struct StoredHead {
  int status = 0;
  std::vector<StoredField> fields;
  std::optional<std::uint64_t> length;  // of the body, where it is known in advance
  bool operator==(const StoredHead&) const = default;
};

[[nodiscard]] StoredHead stored_head(const http::Response& response);
// Copies.
[[nodiscard]] http::ResponseHead response_head(const StoredHead& stored);
[[nodiscard]] http::Response response_of(const StoredHead& stored,
                                         std::unique_ptr<http::BodySource> body);

}  // namespace outrigger::filters

// What all users of LevelDB need of it.
#pragma once

#include <string>
#include <string_view>

#include <leveldb/slice.h>
#include <leveldb/status.h>

#include "proxy/base/result.h"

namespace outrigger::store {

inline leveldb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view view(const leveldb::Slice& text) {
  return {text.data(), text.size()};
}

// Reasons: `store_busy`, another process has it open; `store_corrupt`; `store_io`.
[[nodiscard]] std::unexpected<Error> failed(const std::string& path, const leveldb::Status& status);

}  // namespace outrigger::store

// Schemas that requests brought, compiled: agents ask with the same ones again and again. Bounded;
// what was not used for longest goes. One worker thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/json_schema.h"

namespace outrigger::filters {

class SchemaCache {
 public:
  using Schema = std::shared_ptr<const config::JsonSchema>;

  // nullptr for a schema that cannot be compiled, which is remembered too.
  [[nodiscard]] Schema get(std::string_view text, config::JsonSchema::Written written);
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  static constexpr std::size_t kMostEntries = 128;
  static constexpr std::size_t kMostBytes = 2 * 1024 * 1024;  // of their texts

 private:
  struct Entry {
    std::string key;  // how it is written, then the text
    Schema schema;
  };
  void drop_oldest();

  std::list<Entry> entries_;  // the last one used is the first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;
  std::size_t bytes_ = 0;
};

}  // namespace outrigger::filters

// The books of a store's records, kept once more from what is there (durability 5.1, I9): what is
// counted, what indexes name, and which parts of answers belong to nobody.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "filters/idempotency/stored_record.h"
#include "proxy/store/store.h"

namespace outrigger::filters {

struct Books {
  std::int64_t records = 0;
  std::int64_t bytes = 0;  // of answers that are there
  std::size_t in_flight = 0;
  std::size_t chunks = 0;
  std::map<std::string, StoredRecord> by_key;
  std::vector<std::string> wrong;
};

// Of a store that nobody is at work on.
[[nodiscard]] Books keep_books(const store::Store& store);
// One line for each thing that is wrong.
[[nodiscard]] std::string to_string(const std::vector<std::string>& wrong);

}  // namespace outrigger::filters

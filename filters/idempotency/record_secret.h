// The store's secret by which records are named: made once, and kept in the store (durability 4.5).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "proxy/base/result.h"
#include "proxy/store/store.h"

namespace outrigger::filters {

using RecordSecret = std::array<std::uint8_t, 32>;

[[nodiscard]] RecordSecret random_record_secret() noexcept;
// Nothing where the store has none. Errors of Store::get.
[[nodiscard]] Result<std::optional<RecordSecret>> load_record_secret(const store::Store& store);
void put_record_secret(store::Batch& batch, const RecordSecret& secret);

}  // namespace outrigger::filters

#include "proxy/store/leveldb_words.h"

#include <fmt/format.h>

namespace outrigger::store {

std::unexpected<Error> failed(const std::string& path, const leveldb::Status& status) {
  const std::string why = status.ToString();
  // So LevelDB says it when the lock is refused: it is the only thing that another process holds.
  const bool busy = why.starts_with("IO error: lock ");
  const std::string_view reason = busy                    ? "store_busy"
                                  : status.IsCorruption() ? "store_corrupt"
                                                          : "store_io";
  return fail(Errc::kSystem, Origin::kProxy, reason, fmt::format("{}: {}", path, why));
}

}  // namespace outrigger::store

// A temporary file without a name: gone with its descriptor, however the process ends. All calls
// block: for the file thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/net/fd.h"

namespace outrigger::filters {

using OpenScratch = std::function<Result<Fd>()>;

// Opens one in a folder. Error: kSystem.
[[nodiscard]] Result<Fd> open_scratch(const std::string& folder);

class ScratchFile {
 public:
  // Opened with the first byte.
  explicit ScratchFile(OpenScratch open) : open_(std::move(open)) {}

  // Writes all of it behind what is there. Error: kSystem; the file is of no use afterwards.
  Status append(std::string_view bytes);
  // Exactly `size` bytes from `offset` on. Error: kSystem.
  Result<std::string> read(std::uint64_t offset, std::size_t size);

 private:
  OpenScratch open_;
  Fd fd_;
  std::uint64_t size_ = 0;
};

}  // namespace outrigger::filters

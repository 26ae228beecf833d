// Room on the disk that is given up when there is no other: what has begun can be brought to its
// end then, and nothing new is taken on until it is back (durability 4.5).
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/result.h"

namespace outrigger::store {

class Ballast {
 public:
  static constexpr std::uint64_t kBytes = 16 * 1024 * 1024;
  explicit Ballast(std::string path) : path_(std::move(path)) {}

  // Takes the room, unless that would leave less than as much again. Error: kSystem, `store_io`.
  Status take();
  // Gives it up; false: there was none.
  bool release() noexcept;
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  const std::string path_;
  bool held_ = false;
};

}  // namespace outrigger::store

// What the kernel says of the memory and the descriptors of this process and of its control group.
// Reads files of /proc and /sys, which no disk holds up but which take the kernel's locks: for the
// supervisor's thread, which serves no client.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "filters/overload/watermark.h"

namespace outrigger {

// Finds out once where to look; then a reading takes nothing from the heap.
class MemoryMeter {
 public:
  // `root` stands before /proc and /sys: empty but in tests.
  explicit MemoryMeter(const std::string& root = {})
      : root_(root), meminfo_(root + "/proc/meminfo"), statm_(root + "/proc/self/statm") {}

  [[nodiscard]] filters::MemoryReading read();

 private:
  // A control group that may limit the process, and what its files are called.
  struct Group {
    std::string limit, used, stat;
    std::string_view cache;  // the word in `stat`
  };

  enum class Version : std::uint8_t { kFirst, kSecond };  // of control groups

  void find_groups();
  void add_groups(const std::string& mount, std::string path, Version version);
  // The first bytes of a file, until the next call; empty when there is none.
  std::string_view text_of(const std::string& path);

  const std::string root_, meminfo_, statm_;
  std::vector<Group> groups_;  // the process's own and all above it
  bool found_ = false;
  bool complete_ = true;  // as MemoryReading has it
  std::array<char, 16 * 1024> buffer_;
};

// Open descriptors, of RLIMIT_NOFILE.
[[nodiscard]] filters::Usage read_descriptors();

}  // namespace outrigger

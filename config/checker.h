// Reports at the place of a path, or of the nearest block around it that was written.
#pragma once

#include <string>

#include "config/decoder.h"
#include "config/reporter.h"

namespace outrigger::config {

class Checker {
 public:
  // Both outlive this.
  Checker(const Places& places, Reporter& reporter) : places_(places), reporter_(reporter) {}

  void error(Code code, const std::string& path, std::string message, std::string hint = {});
  void warning(Code code, const std::string& path, std::string message, std::string hint = {});

  // Something wrote the value at the path, or one below it.
  [[nodiscard]] bool has(const std::string& path) const { return places_.contains(path); }
  [[nodiscard]] bool has_below(const std::string& path) const;
  // The same, and it was not a built-in profile.
  [[nodiscard]] bool wrote(const std::string& path) const;
  [[nodiscard]] bool wrote_below(const std::string& path) const;
  // A secret at that very path was written as a reference (`${NAME}`, `file:`).
  [[nodiscard]] bool by_reference(const std::string& path) const {
    const auto found = places_.find(path);
    return found != places_.end() && !found->second.reference.empty();
  }
  [[nodiscard]] std::uint32_t line(const std::string& path) const {
    return written(path).place.line;
  }

 private:
  [[nodiscard]] Written written(std::string path) const;

  const Places& places_;
  Reporter& reporter_;
};

}  // namespace outrigger::config

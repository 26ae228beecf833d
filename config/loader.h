// From a file to a configuration: read, check, merge, decode. Every problem of a file is found in
// one run. Reads the environment and files only through Environment; keeps no state between calls.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/diagnostics.h"
#include "proxy/base/result.h"

namespace outrigger::config {

// Where `${NAME}`, `file:` secrets and certificates come from.
struct Environment {
  std::function<std::optional<std::string>(const std::string& name)> variable;
  // The whole file, of at most kMaxFileBytes. Error: one line in `detail`, without the path.
  std::function<Result<std::string>(const std::string& path)> read_file;

  static Environment process();  // the process's own variables and files
};

inline constexpr std::size_t kMaxFileBytes = std::size_t{4} << 20;

// Where a final value was written. `reference` is the text of a secret that was written as a
// reference
// (`${NAME}`, `file:/path`), and empty for all else.
struct ValueOrigin {
  Position position;
  std::string reference;
};

// By path, for example "upstreams.openai.timeouts.connect". A value that is not here is a built-in
// default.
using Origins = std::map<std::string, ValueOrigin, std::less<>>;

struct Loaded {
  Snapshot config;                      // nullptr when there is an error
  std::vector<Diagnostic> diagnostics;  // sorted by position
  Origins origins;
};

Loaded load_file(const std::string& path, const Environment& environment);

// `name` stands for the file in positions.
Loaded load_text(std::string_view text, const std::string& name, const Environment& environment);

// What `outrigger run` serves without a file: every known provider that has a fixed address, by its
// name.
Loaded built_in(const Environment& environment);

}  // namespace outrigger::config

// What the configuration tests share: the repository's files and an environment without surprises.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "config/loader.h"

namespace outrigger::config::test {

inline std::filesystem::path repository() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path();
}

inline std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// With UPDATE_GOLDEN set, the file is written instead.
inline std::string golden(const std::filesystem::path& path, const std::string& actual) {
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << actual;
  return read(path);
}

using Variables = std::map<std::string, std::string>;
using Files = std::map<std::string, std::string>;

inline const std::string kCertificate =
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
inline const std::string kKey = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";

// Only these variables and files exist.
inline Environment environment(Variables variables = {}, Files files = {}) {
  return {[variables](const std::string& name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            return found == variables.end() ? std::nullopt : std::optional(found->second);
          },
          [files](const std::string& path) -> Result<std::string> {
            const auto found = files.find(path);
            if (found != files.end()) return found->second;
            return fail(Errc::kConfig, Origin::kProxy, "file", "No such file or directory");
          }};
}

inline Loaded load(const std::string& text, const Environment& from = environment()) {
  return load_text(text, "outrigger.yaml", from);
}

// The codes of all diagnostics, joined by spaces.
inline std::string codes_of(const Loaded& loaded) {
  std::string text;
  for (const Diagnostic& diagnostic : loaded.diagnostics)
    text += (text.empty() ? "" : " ") + diagnostic.code;
  return text;
}

// A file with one upstream whose block holds `keys`, in flow style.
inline std::string upstream(const std::string& keys) {
  return "version: 1\nupstreams:\n  a: {url: https://a.example.com, " + keys + "}\n";
}

}  // namespace outrigger::config::test

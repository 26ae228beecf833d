// The command line as a person, a script and an editor meet it: the real binary in a folder of its
// own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/process.h"

namespace outrigger::test {

// How a command ended and what it said.
struct Output {
  int code = -1;
  std::string out, err;
};

inline std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

// tests/golden/cli/`name`; UPDATE_GOLDEN writes it instead.
inline void expect_golden(const std::string& name, const std::string& text) {
  const auto folder = std::filesystem::path(__FILE__).parent_path().parent_path() / "golden/cli";
  const std::string path = (folder / name).string();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) write_file(path, text);
  EXPECT_EQ(text, read_file(path)) << "UPDATE_GOLDEN=1 rewrites " << name;
}

class Cli : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  // Runs a command in a folder of its own, with nothing in the environment but what is named.
  Output command(Words words, const Words& variables = {}) {
    Words full = {"/usr/bin/env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin"};
    // A sanitizer must be told in the child, too.
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
      if (const char* value = std::getenv(name)) full.push_back(std::string(name) + "=" + value);
    }
    full.insert(full.end(), variables.begin(), variables.end());
    full.insert(full.end(), words.begin(), words.end());
    for (const char* said : {"stdout", "stderr"}) {
      std::filesystem::remove(folder_.path(said));  // a process appends to them
    }
    Process process(full, {.folder = folder_.path("")});
    const std::optional<int> code = process.wait_exit();
    EXPECT_TRUE(code.has_value()) << "did not end";
    return {code.value_or(-1), process.standard_output(), process.standard_error()};
  }
  Output outrigger(Words words, const Words& variables = {}) {
    words.insert(words.begin(), OUTRIGGER_BINARY);
    return command(std::move(words), variables);
  }
  // `$O` is the binary.
  Output shell(const std::string& script, const std::string& interpreter = "/bin/bash") {
    return command({interpreter, "-c", script}, {std::string("O=") + OUTRIGGER_BINARY});
  }
  std::string write(const std::string& name, const std::string& text) {
    return folder_.write(name, text);
  }

  TemporaryFolder folder_;
};

inline constexpr const char* kGood = "version: 1\nupstreams:\n  openai: {use: openai}\n";
inline constexpr const char* kMisspelt =
    "version: 1\nupstreams:\n  openai: {use: openai, timeoutz: {connect: 5s}}\n";

}  // namespace outrigger::test

#include "proxy/cli/input.h"

#include <array>
#include <fstream>
#include <iostream>

#include <fmt/format.h>

namespace outrigger::cli {

Result<std::string> read_input(const std::string& file, std::size_t most) {
  std::ifstream opened;
  if (file != "-") opened.open(file, std::ios::binary);
  std::istream& stream = file == "-" ? std::cin : opened;
  const std::string name = file == "-" ? "standard input" : file;
  std::string text;
  std::array<char, 16 * 1024> bytes;
  do {
    stream.read(bytes.data(), bytes.size());
    text.append(bytes.data(), static_cast<std::size_t>(stream.gcount()));
    if (text.size() > most) {
      return fail(Errc::kTooLarge, Origin::kClient, "input_too_large",
                  fmt::format("{} is longer than {} bytes", name, most));
    }
  } while (stream);
  if (!stream.eof()) {
    return fail(Errc::kSystem, Origin::kClient, "input_unreadable",
                fmt::format("cannot read {}", name));
  }
  return text;
}

}  // namespace outrigger::cli

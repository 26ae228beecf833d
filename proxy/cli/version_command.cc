// `outrigger version`: what runs here, for bug reports.
#include <ares.h>
#include <event2/event.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>

#include <array>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "proxy/base/version.h"
#include "proxy/cli/command.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct Options {
  bool json = false;
};

struct Library {
  const char* name;
  std::string version;  // of what is loaded, not of the headers, where the library tells
};

std::array<Library, 7> libraries() {
  return {{
      {"c-ares", ares_version(nullptr)},
      {"cli11", CLI11_VERSION},
      {"fmt",
       fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"libevent", event_get_version()},
      {"nghttp2", nghttp2_version(0)->version_str},
      {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR,
                                    NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
      {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
  }};
}

constexpr const char* build_kind() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return "address sanitizer";
#elif __has_feature(thread_sanitizer)
  return "thread sanitizer";
#endif
#endif
#if defined(NDEBUG)
  return "release";
#else
  return "debug";
#endif
}

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return "gcc " __VERSION__;
#endif
}

int version(const Options& options) {
  if (options.json) {
    nlohmann::ordered_json json = {
        {"version", kVersion}, {"compiler", compiler()}, {"build", build_kind()}};
    for (const Library& library : libraries()) json["libraries"][library.name] = library.version;
    print_out(json.dump(2) + "\n");
    return kExitFine;
  }
  std::string text = fmt::format("outrigger {}\ncompiler: {} ({})\nlibraries:", kVersion,
                                 compiler(), build_kind());
  for (const Library& library : libraries()) {
    text += fmt::format(" {} {}", library.name, library.version);
  }
  print_out(text + "\n");
  return kExitFine;
}

}  // namespace

void add_version(CLI::App& app, Action& chosen) {
  CLI::App& command =
      *app.add_subcommand("version", "Print the version, the compiler and the libraries");
  command.group(kLearning);
  auto options = std::make_shared<Options>();
  command.add_flag("--json", options->json, "Print it as JSON");
  when_chosen(command, chosen, options, version);
}

}  // namespace outrigger::cli

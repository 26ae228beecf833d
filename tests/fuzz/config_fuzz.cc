// The configuration loader: any text is refused or loaded, diagnostics can be rendered and lie
// within the text, and what `show` prints of a loaded configuration loads again to the same hash.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/loader.h"
#include "config/show.h"

namespace {

using namespace outrigger;

void require(bool condition) {
  if (!condition) std::abort();
}

// Nothing but these: the outcome depends on the input alone.
config::Environment environment() {
  return {[](const std::string& name) -> std::optional<std::string> {
            if (name == "A") return "value";
            if (name == "N") return "7";
            return std::nullopt;
          },
          [](const std::string& path) -> Result<std::string> {
            if (path == "c") return "-----BEGIN CERTIFICATE-----";
            if (path == "k") return "-----BEGIN PRIVATE KEY-----";
            return fail(Errc::kConfig, Origin::kProxy, "file", "missing");
          }};
}

void check_diagnostics(const config::Loaded& loaded) {
  require((loaded.config == nullptr) == config::has_errors(loaded.diagnostics));
  for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
    require(diagnostic.position.line >= 0 && diagnostic.width >= 1);
    require(!diagnostic.code.empty() && !diagnostic.message.empty());
  }
  static_cast<void>(config::render(loaded.diagnostics, true));
  static_cast<void>(config::render_json(loaded.diagnostics));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const config::Environment from = environment();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const config::Loaded first = config::load_text(text, "fuzz.yaml", from);
  check_diagnostics(first);
  if (first.config == nullptr) return 0;
  for (const auto defaults : {config::ShowDefaults::kHidden, config::ShowDefaults::kShown}) {
    const std::string shown = config::show(first, {config::ShowOrigins::kShown, defaults});
    const config::Loaded second = config::load_text(shown, "shown.yaml", from);
    require(second.config != nullptr);
    require(second.config->hash == first.config->hash);
  }
  return 0;
}

// `outrigger store`: looks at the data folder of a proxy that does not run.
#include <fmt/format.h>

#include "proxy/cli/command.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/terminal.h"
#include "proxy/store/store.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string file;
  std::string folder;  // of a backup
};

int failed(const Error& error) {
  complain(std::string(error.detail.view()));
  if (error.reason == "store_busy") {
    print_error("A proxy uses the store: stop it first.\n");
  } else if (error.reason == "store_key") {
    print_error("Name the key in store.encryption_key, or in store.previous_encryption_key.\n");
  } else if (error.reason == "store_corrupt") {
    print_error("Put a backup in its place, or move it aside: the proxy begins a new one.\n");
  }
  return kExitFailure;
}

// The store of the configuration; nullptr after a complaint, with its exit code.
std::unique_ptr<store::Store> open(const Options& options, int& code) {
  const config::Loaded loaded = load_or_complain(find_config(options.file));
  if (loaded.config == nullptr) {
    code = kExitConfig;
    return nullptr;
  }
  const config::Store& settings = loaded.config->store;
  if (!store::Store::exists(settings.path)) {
    complain(fmt::format("there is no store in {}", settings.path));
    code = kExitFailure;
    return nullptr;
  }
  auto opened = store::Store::open({.folder = settings.path,
                                    .encryption_key = settings.encryption_key,
                                    .previous_key = settings.previous_encryption_key,
                                    .env = nullptr,
                                    .mode = store::Store::Mode::kAsItIs});
  if (!opened) {
    code = failed(opened.error());
    return nullptr;
  }
  return std::move(*opened);
}

int check(const Options& options) {
  int code = kExitFine;
  const auto store = open(options, code);
  if (store == nullptr) return code;
  const Result<store::Findings> found = store->check();
  if (!found) return failed(found.error());
  const bool encrypted = store->kind() == store::Seal::Kind::kEncrypted;
  print_out(fmt::format("{} records, {} bytes, {}\n", found->records, found->bytes,
                        encrypted ? "encrypted" : "authenticated, not encrypted"));
  if (found->damaged_records == 0) return kExitFine;
  complain(fmt::format("{} records are damaged:", found->damaged_records));
  for (const std::string& key : found->damaged) print_error(fmt::format("  {}\n", key));
  return kExitFailure;
}

int compact(const Options& options) {
  int code = kExitFine;
  const auto store = open(options, code);
  if (store == nullptr) return code;
  const Status compacted = store->compact();
  return compacted ? kExitFine : failed(compacted.error());
}

int back_up(const Options& options) {
  int code = kExitFine;
  const auto store = open(options, code);
  if (store == nullptr) return code;
  const Status copied = store->back_up_to(options.folder);
  if (!copied) return failed(copied.error());
  print_out(fmt::format("copied to {}\n", options.folder));
  return kExitFine;
}

CLI::App& add_one(CLI::App& store, Action& chosen, const std::shared_ptr<Options>& options,
                  const std::string& name, const std::string& what,
                  int (*perform)(const Options&)) {
  CLI::App& command = *store.add_subcommand(name, what);
  when_chosen(command, chosen, options, perform);
  return command;
}

}  // namespace

void add_store(CLI::App& app, Action& chosen) {
  CLI::App& store = *app.add_subcommand("store", "Check, compact or copy the data folder");
  store.group(kConfiguring);
  store.require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App& checks = add_one(store, chosen, options, "check",
                             "Read every record and hold it against its seal", check);
  CLI::App& compacts =
      add_one(store, chosen, options, "compact", "Give back the room of what is gone", compact);
  CLI::App& copies = add_one(store, chosen, options, "backup", "Copy the store", back_up);
  copies.add_option("FOLDER", options->folder, "An empty or new folder")->required();
  for (CLI::App* command : {&checks, &compacts, &copies}) {
    add_config_argument(*command, options->file, kOrNone);
  }
  store.footer(
      "The store is the one of store.path in the configuration. A proxy that runs has it to "
      "itself:\nstop it first.\n\n"
      "Examples:\n"
      "  outrigger store check\n"
      "  outrigger store backup /var/backups/outrigger");
}

}  // namespace outrigger::cli

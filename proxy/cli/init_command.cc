// `outrigger init`: a configuration to start from. Never writes over a file.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "proxy/cli/command.h"
#include "proxy/cli/init_template.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string file = "outrigger.yaml";
};

// 0, or the errno that stopped it. O_EXCL: another program's file is as safe as one that was there
// before.
int write_new_file(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  int error = 0;
  while (!text.empty() && error == 0) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error != 0) ::unlink(path.c_str());
  return error;
}

int init(const Options& options) {
  if (options.file == "-") {
    print_out(kInitTemplate);
    return kExitFine;
  }
  const int error = write_new_file(options.file, kInitTemplate);
  if (error == EEXIST) {
    complain(fmt::format("{} exists and stays as it is; name another file, or - to print it",
                         options.file));
    return kExitFailure;
  }
  if (error != 0) {
    complain(fmt::format("cannot write {}: {}", options.file, std::strerror(error)));
    return kExitFailure;
  }
  const std::string argument = options.file == "outrigger.yaml" ? "" : " " + options.file;
  print_error(fmt::format("wrote {}. Next: outrigger check {} && outrigger run{}\n", options.file,
                          options.file, argument));
  return kExitFine;
}

}  // namespace

void add_init(CLI::App& app, Action& chosen) {
  CLI::App& command = *app.add_subcommand("init", "Write a commented outrigger.yaml to start from");
  command.group(kConfiguring);
  auto options = std::make_shared<Options>();
  command.add_option("FILE", options->file,
                     "Where to write it (default outrigger.yaml); - prints it");
  command.footer("An existing file is never written over.");
  when_chosen(command, chosen, options, init);
}

}  // namespace outrigger::cli

#include "filters/intake/scratch_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace outrigger::filters {
namespace {

std::unexpected<Error> failed(std::string_view what) {
  return fail(Errc::kSystem, Origin::kProxy, "replay_storage",
              std::string(what) + ": " + strerrordesc_np(errno));
}

}  // namespace

Result<Fd> open_scratch(const std::string& folder) {
  Fd nameless(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (nameless.valid()) return nameless;
  // Not every file system has O_TMPFILE.
  std::string pattern = folder + "/outrigger-replay-XXXXXX";
  Fd named(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!named.valid()) return failed("a temporary file in " + folder);
  ::unlink(pattern.c_str());
  return named;
}

Status ScratchFile::append(std::string_view bytes) {
  if (!fd_.valid()) {
    Result<Fd> opened = open_();
    if (!opened) return std::unexpected(std::move(opened).error());
    fd_ = std::move(*opened);
  }
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed("writing a temporary file");
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> ScratchFile::read(std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t got = 0; got < size;) {
    const ssize_t count =
        ::pread(fd_.get(), bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed("reading a temporary file");
    got += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace outrigger::filters

#include "proxy/store/cache_database.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <leveldb/filter_policy.h>

#include "proxy/store/leveldb_words.h"

namespace outrigger::store {
namespace {

constexpr std::string_view kVersionKey = "!version";
constexpr std::string_view kSealKey = "!seal";
constexpr std::uint64_t kLeastBuffer = 256 * 1024;
constexpr std::uint64_t kMostBuffer = 8 * 1024 * 1024;
constexpr std::uint64_t kBufferPart = 32;
constexpr std::size_t kFile = 8 * 1024 * 1024;  // a large cache in few of them
constexpr int kOpenFiles = 500;
constexpr int kBloomBits = 10;

std::unexpected<Error> io_error(const std::string& path, std::string_view why) {
  return fail(Errc::kSystem, Origin::kProxy, "store_io", fmt::format("{}: {}", path, why));
}

std::unexpected<Error> useless(const std::string& path, std::string_view why) {
  return fail(Errc::kSystem, Origin::kProxy, "store_corrupt", fmt::format("{}: {}", path, why));
}

Status make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  if (error) return io_error(folder, error.message());
  return {};
}

// The names in the folder that `path` is in, on disk.
Status sync_parent(const std::string& path) {
  const std::string parent = std::filesystem::absolute(path).parent_path().string();
  const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error(parent, strerrordesc_np(errno));
  const bool synced = ::fsync(fd) == 0;
  const int why = errno;
  ::close(fd);
  if (!synced) return io_error(parent, strerrordesc_np(why));
  return {};
}

leveldb::ReadOptions reading() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  return options;
}

// Keys of one kind are of one length, so no two places are the same text.
std::string place_of(std::string_view key, std::string_view bound) {
  return std::string(key).append(bound);
}

}  // namespace

CacheDatabase::CacheDatabase(Setup setup)
    : setup_(std::move(setup)), filter_(leveldb::NewBloomFilterPolicy(kBloomBits)) {}

CacheDatabase::~CacheDatabase() = default;

Result<std::unique_ptr<CacheDatabase>> CacheDatabase::open(Setup setup) {
  auto database = std::unique_ptr<CacheDatabase>(new CacheDatabase(std::move(setup)));
  Status opened = database->open_files();
  if (opened) opened = database->take_seal();
  if (opened) return database;
  if (opened.error().reason == "store_busy") return std::unexpected(std::move(opened).error());
  database->lost_ = opened.error().detail.str();
  if (Status anew = database->begin_anew(); !anew) {
    return std::unexpected(std::move(anew).error());
  }
  return database;
}

Status CacheDatabase::open_files() {
  if (Status made = make_folder(setup_.path); !made) return made;
  leveldb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  if (setup_.env != nullptr) options.env = setup_.env;
  options.write_buffer_size = std::clamp(setup_.bytes / kBufferPart, kLeastBuffer, kMostBuffer);
  options.max_file_size = kFile;
  options.max_open_files = kOpenFiles;
  options.compression = leveldb::kNoCompression;  // what is sealed does not shrink
  options.filter_policy = filter_.get();
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(options, setup_.path, &opened);
  if (!status.ok()) return failed(setup_.path, status);
  db_.reset(opened);
  return {};
}

// What is there is of use only with its version and its key.
Status CacheDatabase::take_seal() {
  std::string version, wrapped;
  leveldb::Status status = db_->Get(reading(), slice(kVersionKey), &version);
  if (status.IsNotFound()) {
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(reading()));
    at->SeekToFirst();
    if (at->Valid()) return useless(setup_.path, "it says nothing of its version");
    if (!at->status().ok()) return failed(setup_.path, at->status());
    return make_seal();
  }
  if (!status.ok()) return failed(setup_.path, status);
  if (version != setup_.version) return useless(setup_.path, "it is of another version");
  status = db_->Get(reading(), slice(kSealKey), &wrapped);
  if (!status.ok()) return failed(setup_.path, status);
  auto seal = Seal::unwrap(wrapped, setup_.encryption_key);
  if (!seal) return useless(setup_.path, seal.error().detail);
  if (seal->kind() == Seal::Kind::kAuthenticated && !setup_.encryption_key.empty()) {
    return useless(setup_.path, "it was written before there was a store.encryption_key");
  }
  seal_ = *seal;
  return {};
}

Status CacheDatabase::make_seal() {
  seal_ = Seal::make(setup_.encryption_key.empty() ? Seal::Kind::kAuthenticated
                                                   : Seal::Kind::kEncrypted);
  leveldb::WriteBatch batch;
  batch.Put(slice(kVersionKey), slice(setup_.version));
  batch.Put(slice(kSealKey), seal_->wrapped(setup_.encryption_key));
  return write(batch, Until::kDisk);
}

// LevelDB takes the lock before it removes anything. The folder of the folder is synced last: until
// then a power cut might bring back all of it.
Status CacheDatabase::begin_anew() {
  db_.reset();
  leveldb::Options options;
  if (setup_.env != nullptr) options.env = setup_.env;
  const leveldb::Status removed = leveldb::DestroyDB(setup_.path, options);
  if (!removed.ok()) return failed(setup_.path, removed);
  Status opened = open_files();
  if (opened) opened = make_seal();
  if (opened) opened = sync_parent(setup_.path);
  if (!opened) db_.reset();
  return opened;
}

void CacheDatabase::put(leveldb::WriteBatch& batch, std::string_view key, std::string_view bound,
                        std::string_view value) const {
  batch.Put(slice(key), seal_->close(place_of(key, bound), value));
}

Result<std::optional<std::string>> CacheDatabase::get(std::string_view key,
                                                      std::string_view bound) const {
  if (db_ == nullptr) return io_error(setup_.path, "it is closed");
  std::string sealed;
  const leveldb::Status status = db_->Get(reading(), slice(key), &sealed);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return failed(setup_.path, status);
  auto value = seal_->open(place_of(key, bound), sealed);
  if (!value) return useless(setup_.path, value.error().detail);
  return std::optional(std::move(*value));
}

Status CacheDatabase::scan(std::string_view prefix, std::string_view first,
                           const Visit& visit) const {
  if (db_ == nullptr) return io_error(setup_.path, "it is closed");
  leveldb::ReadOptions options = reading();
  options.fill_cache = false;
  const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(options));
  for (at->Seek(slice(std::max(prefix, first))); at->Valid(); at->Next()) {
    if (!view(at->key()).starts_with(prefix)) break;
    const auto value = seal_->open(view(at->key()), view(at->value()));
    if (!value) return useless(setup_.path, value.error().detail);
    if (!visit(view(at->key()), *value)) break;
  }
  if (!at->status().ok()) return failed(setup_.path, at->status());
  return {};
}

std::uint64_t CacheDatabase::file_bytes() const {
  if (db_ == nullptr) return 0;
  const leveldb::Range all("", "\xff");
  std::uint64_t bytes = 0;
  db_->GetApproximateSizes(&all, 1, &bytes);
  return bytes;
}

// LevelDB does not tell how it went, but refuses to write from then on when it went wrong.
void CacheDatabase::compact(std::string_view first, std::string_view last) {
  if (db_ == nullptr) return;
  const leveldb::Slice from = slice(first), to = slice(last);
  db_->CompactRange(&from, &to);
}

Status CacheDatabase::write(leveldb::WriteBatch& batch, Until until) {
  if (db_ == nullptr) return io_error(setup_.path, "it is closed");
  leveldb::WriteOptions options;
  options.sync = until == Until::kDisk;
  const leveldb::Status status = db_->Write(options, &batch);
  if (!status.ok()) return failed(setup_.path, status);
  return {};
}

}  // namespace outrigger::store

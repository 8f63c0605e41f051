#ifndef PRETEXT_SERVER_STORE_SQLITE_DATABASE_H_
#define PRETEXT_SERVER_STORE_SQLITE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace pretext {

class SqliteDatabase;

// One prepared statement. Parameters count from 1, columns from 0. Thread-compatible, with its database.
class SqliteStatement {
 public:
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) = delete;
  ~SqliteStatement();

  SqliteStatement& Bind(int parameter, int64_t value);
  SqliteStatement& Bind(int parameter, double value);
  SqliteStatement& Bind(int parameter, absl::string_view text);
  SqliteStatement& BindBytes(int parameter, absl::string_view bytes);

  // True: there is a row. False: the statement is done. Errors as SqliteDatabase::Open.
  absl::StatusOr<bool> Step();
  // Runs a statement that gives no rows, and makes it ready for other values.
  absl::Status Run();

  int64_t Int(int column) const;
  // NaN where NULL is stored: SQLite has no NaN.
  double Double(int column) const;
  std::string Text(int column) const;

 private:
  friend class SqliteDatabase;
  SqliteStatement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

  sqlite3* database_;
  sqlite3_stmt* statement_;
  int bind_error_ = 0;  // the first, reported by Step
};

// One connection to one file. Durable: WAL with synchronous=FULL. Thread-compatible.
class SqliteDatabase {
 public:
  // Opens or makes `path` with the tables that `schema` makes when they are missing. FAILED_PRECONDITION: the
  // file is on a network file system, where SQLite's locks do not hold, or of another `version` of the
  // schema. DATA_LOSS: it is damaged. UNAVAILABLE, RESOURCE_EXHAUSTED: the disk refused.
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(const std::string& path,
                                                              const std::string& schema, int version);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  absl::Status Execute(const std::string& sql);
  absl::StatusOr<SqliteStatement> Prepare(absl::string_view sql);

 private:
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  sqlite3* const database_;
};

// Rolls back at its end unless Commit() succeeded.
class SqliteTransaction {
 public:
  static absl::StatusOr<SqliteTransaction> Begin(SqliteDatabase* database);
  SqliteTransaction(SqliteTransaction&& other) noexcept;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();
  // Durable when it returns OK.
  absl::Status Commit();

 private:
  explicit SqliteTransaction(SqliteDatabase* database) : database_(database) {}
  SqliteDatabase* database_;  // null: over
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STORE_SQLITE_DATABASE_H_

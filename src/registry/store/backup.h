/* SPDX-License-Identifier: Apache-2.0 */
/* backup: a whole copy of the database in a file of its own. */
#pragma once

#include <sqlite3.h>
#include "base/err.h"
#include "base/macros.h"

#define BACKUP_KEPT 3 /* copies that were made before a change of version */

/* To PATH.backup-vVERSION, on disk when it returns; of older ones the last few
 * are kept. Blocks. */
int backup_make(sqlite3 *db, const char *path, unsigned version,
                struct err *err) MUST_CHECK;

/* To @to, which appears whole or not at all; what was there is replaced. */
int backup_write(sqlite3 *db, const char *to, struct err *err) MUST_CHECK;

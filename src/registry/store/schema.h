/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: the tables of the database, as the steps that led to them.
 *
 * A step brings a database of one version to the next and is never changed
 * once it was released; the last one's number is our version. What stands in
 * the columns is described by the table of kinds (registry/model/kind.h): a
 * table for each kind, a column for each field, "NAME_id" for one that refers.
 */
#pragma once

#include <sqlite3.h>
#include "base/err.h"
#include "base/macros.h"

/* "bncr", in the header of the file: file(1) and we know it by that. */
#define SCHEMA_APPLICATION_ID 0x626e6372

extern const unsigned schema_version; /* that this program has */

/* One version further than @from, in a transaction. */
int schema_step(sqlite3 *db, unsigned from, struct err *err) MUST_CHECK;

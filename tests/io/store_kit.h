/* SPDX-License-Identifier: Apache-2.0 */
/* store_kit: a registry's database in the directory of a private loop, and
 * edits of a model that are written to it. */
#pragma once

#include "support/cmocka.h"
#include "support/loop.h"

#include <sqlite3.h>
#include "registry/model/model.h"
#include "registry/store/store.h"

#define NOW_S 1700000000

struct written {
	struct store_write write;
	bool done;
	int n_done;
};

extern struct test_loop loop;
extern char path[108]; /* of the database */

int set_up(void **state);
int tear_down(void **state);

/* That must work, or must not with that code and those words. */
struct store *open_store(void);
void open_fails(int code, const char *words);
/* Runs the loop until it is closed. */
void close_store(struct store *store);

struct model *load_model(struct store *store);
/* "NAME" of a new service; a batch with what became of it. */
struct store_batch *new_service(struct model *model, const char *name);
/* All records of @tx, which is kept, by "tester". */
struct store_batch *batch_of(struct model_tx *tx);

void write_batch(struct store *store, struct store_batch *batch,
                 struct written *written);
void await(struct written *written, int code);

/* Another connection, as sqlite3(1) would have it. */
void run_sql(const char *sql);
int64_t number_of(const char *sql);
/* Borrowed until the next. */
const char *text_of(const char *sql);

/* SPDX-License-Identifier: Apache-2.0 */
/* push_kit: texts into a push store, and the store as one text. */
#pragma once

#include "core/push_store.h"

/* PUT or POST of @text to @path, "/job/a"; what push_store_push() returns. */
int kit_push(struct push_store *store, const char *path, const char *text,
             bool replace, int64_t at_ms, struct err *err);
/* As above, and must be good. */
void kit_put(struct push_store *store, const char *path, const char *text);
void kit_post(struct push_store *store, const char *path, const char *text);
bool kit_delete(struct push_store *store, const char *path);
int kit_beat(struct push_store *store, const char *path, int64_t at_ms);
struct push_group *kit_group(struct push_store *store, const char *path);

/* The rest of the view, in slices of @budget, without families whose name
 * begins with "push_" if not @all. Allocated. */
char *kit_rest(struct push_view *view, size_t budget, bool all);
/* A whole new view. */
char *kit_text(struct push_store *store, bool all);
char *kit_json(struct push_store *store, size_t budget);
/* Fails the test if the store's pushed metrics are not this text. */
void kit_expect(struct push_store *store, const char *expected);

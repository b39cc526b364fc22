/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_macro: the clause of a rule with <exclude> filled in: matchers that
 * leave out the services and projects for which another rule stands in its
 * place. One that is disabled stands in nobody's place; those below it do.
 */
#pragma once

#include "base/buf.h"
#include "base/macros.h"
#include "registry/model/model.h"

#define RULE_MACRO_MAX 16777216 /* bytes of a clause that is filled in */

/*
 * rule_macro_expand() - appends the clause to @out
 *
 * `<exclude>` becomes project!~"A|B",service!~"C|D", of names escaped for
 * regular expressions and for PromQL; if there is nobody, nothing, and the
 * comma behind it goes, too. 0, -ENOMEM, or the failure of @out.
 */
int rule_macro_expand(const struct object *rule, struct buf *out) MUST_CHECK;

/*
 * rule_macro_rename() - the clause of an override under another name
 * @label: "service" or "project"
 *
 * Appends the clause with LABEL="FROM" made LABEL="TO" wherever it stands, with
 * or without others like it, in front of <exclude>, which is how overriding
 * writes it. False: it does nowhere; @out is left as it was.
 */
bool rule_macro_rename(const char *clause, const char *label, const char *from,
                       const char *to, struct buf *out);

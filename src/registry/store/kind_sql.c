/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#include <stdio.h>

const char *kind_column(const struct field *field, char *out)
{
	(void)snprintf(out, KIND_COLUMN_MAX, "%s%s", field->name,
	               field->type == FIELD_REF ? "_id" : "");
	return out;
}

/* "a", "b", …; or of an update: "a" = ?2, "b" = ?3, … */
static void put_columns(struct buf *out, const struct kind_info *info,
                        bool update)
{
	char name[KIND_COLUMN_MAX];

	for (unsigned i = 0; i < info->n_fields; i++) {
		(void)buf_printf(out, "%s\"%s\"", i ? ", " : "",
		                 kind_column(&info->fields[i], name));
		if (update)
			(void)buf_printf(out, " = ?%u", i + 2);
	}
}

int kind_sql_record(struct buf *out, enum kind kind, enum record_op op)
{
	const struct kind_info *info = &kinds[kind];

	switch (op) {
	case RECORD_CREATED:
		(void)buf_printf(out, "INSERT INTO \"%s\"(id, ", info->name);
		put_columns(out, info, false);
		(void)buf_puts(out, ") VALUES(?1");
		for (unsigned i = 0; i < info->n_fields; i++)
			(void)buf_printf(out, ", ?%u", i + 2);
		return buf_puts(out, ")");
	case RECORD_UPDATED:
		(void)buf_printf(out, "UPDATE \"%s\" SET ", info->name);
		put_columns(out, info, true);
		return buf_puts(out, " WHERE id = ?1");
	case RECORD_DELETED:
		break;
	}
	return buf_printf(out, "DELETE FROM \"%s\" WHERE id = ?1", info->name);
}

/* A rule may override a younger one, but only one of a wider scope. */
int kind_sql_load(struct buf *out, enum kind kind)
{
	(void)buf_puts(out, "SELECT id, ");
	put_columns(out, &kinds[kind], false);
	(void)buf_printf(out, " FROM \"%s\" ORDER BY ", kinds[kind].name);
	if (kind == KIND_RULE)
		(void)buf_puts(out, "project_id IS NOT NULL,"
		                    " service_id IS NOT NULL, ");
	return buf_puts(out, "id");
}

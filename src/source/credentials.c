/* SPDX-License-Identifier: Apache-2.0 */
#include "source/credentials.h"

#include "io/authorization.h"

int credentials_headers(const struct source_credentials *credentials,
                        struct buf *authorization, struct http_header *headers,
                        struct err *err)
{
	int n = 0;
	int r;

	authorization_wipe(authorization);
	if (!credentials)
		return 0;
	for (size_t i = 0; i < MIN(credentials->n_headers, SOURCE_MAX_HEADERS);
	     i++)
		headers[n++] = (struct http_header){
			slice_from(credentials->headers[i].name),
			slice_from(credentials->headers[i].value),
		};
	if (!credentials->token_file && !credentials->basic_auth_file)
		return n;
	r = authorization_read(
		authorization, credentials->token_file,
		credentials->token_file ? NULL : credentials->basic_auth_file,
		err);
	if (r < 0)
		return r;
	headers[n++] = (struct http_header){ slice_from("Authorization"),
		                             buf_slice(authorization) };
	return n;
}

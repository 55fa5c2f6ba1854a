-- One row: transactions committed so far, and at which of them the rows in store_counts were counted.
create table store_state (commits bigint not null, counted_at bigint not null);
insert into store_state values (0, -1);

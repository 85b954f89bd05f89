//! What the shop bears: a database that is slow, cut off or away, a primary that is lost, a full disk, more load than
//! it can carry. Buyers order meanwhile; afterwards what they were answered is held against what is there.

mod buyers;
mod cluster;
mod database;
mod disk_full;
mod overload;
mod proxy;
mod site;
mod standby;

//! What those have in common that are no company to ask: staff says when the money is there, and when it went back.

use futures_util::future::BoxFuture;

use crate::app::App;
use crate::error::{Error, Result};
use crate::payments::client::Trouble;
use crate::payments::payment::{
    Payment, Provider, Refund, RefundReport, RefundState, Report, Stands,
};
use crate::payments::provider::{
    Answer, Ask, Created, Hook, Kind, Member, Needs, NewPayment, Notice, PaymentProvider, Proof,
};

pub(crate) struct ByHand {
    pub name: Provider,
    pub kind: Kind,
}

impl PaymentProvider for ByHand {
    fn name(&self) -> Provider {
        self.name
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn gives(&self) -> &'static [Member] {
        &[]
    }

    fn is_configured(&self, _: &App) -> bool {
        true
    }

    fn create<'a>(&'a self, _: &'a App, _: &'a NewPayment<'a>) -> Answer<'a, Created> {
        Box::pin(async { Err(nothing_to_ask()) })
    }

    fn client<'a>(&'a self, _: &'a App, _: &'a Payment) -> Answer<'a, Needs> {
        Box::pin(async { Err(nothing_to_ask()) })
    }

    fn check_proof(&self, _: &App, _: &Payment, _: &Proof) -> Result<()> {
        Ok(())
    }

    fn status<'a>(
        &'a self,
        _: &'a App,
        _: &'a Payment,
        _: &'a Proof,
        _: Ask,
    ) -> Answer<'a, Report> {
        Box::pin(async { Ok(Report::of(Stands::Open)) })
    }

    /// Staff has given it back.
    fn refund<'a>(&'a self, _: &'a App, _: &'a Payment, _: &'a Refund) -> Answer<'a, RefundReport> {
        Box::pin(async { Ok(RefundReport::of(RefundState::Succeeded)) })
    }

    fn read_webhook<'a>(&'a self, _: &'a App, _: &'a Hook<'a>) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(async { Err(Error::not_found()) })
    }
}

fn nothing_to_ask() -> Trouble {
    Trouble::Impossible("Cash is not paid online.".to_owned())
}
